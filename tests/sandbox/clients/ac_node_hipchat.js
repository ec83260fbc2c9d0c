// Gets itself a token with Atlassian's add-on client and makes its calls; prints which failed.
// Left out are the calls that HipChat keeps for people (replyToMessage, shareLinkWithRoom,
// shareLinkWithUser, and the two of private chats), and those whose effect only HipChat's own
// clients show (glancePushUser, glancePushRoom and glancePushGroup).
const ac = require('ac-node-hipchat');

const {HIPCHAT, ID, SECRET, ROOM} = process.env;
const PERSON = {name: 'Carla', mentionName: 'carla', email: 'carla@example.com', title: 'Cook'};
const rest = ac.RestClient();
const tokens = {get: async () => undefined, set: async () => undefined};

const calls = async (client) => {
  const done = {passed: [], failed: {}};
  const call = async (name, ...args) => {
    try {
      const answer = await client[name](...args);
      done.passed.push(name);
      return answer || {};
    } catch (error) {
      done.failed[name] = error.message;
      return {};
    }
  };

  const token = await call('getToken', 'view_group');
  await call('getSession', token);
  await call('deleteSession', token);

  const emoticons = await call('getEmoticons', {maxResults: 1});
  await call('getEmoticon', emoticons.items[0].shortcut);

  const person = await call('createUser', PERSON);
  await call('updateUser', person.id, {...PERSON, title: 'Chef'});
  await call('getUser', PERSON.email);
  await call('getUsers', {maxResults: 1000});
  await call('updateUserPhoto', person.id, 'aGk=');
  await call('deleteUserPhoto', person.id);

  const room = await call('createRoom', {
    name: 'Made by Atlassian', topic: 'Tea', privacy: 'private', ownerUserId: person.id});
  const whole = await call('getRoom', room.id);
  await call('updateRoom', room.id, {
    name: whole.name, privacy: whole.privacy, isArchived: false, isGuestAccessible: false,
    topic: 'Coffee', owner: {id: person.id}});
  await call('getRooms');
  await call('addRoomMember', room.id, person.id);
  await call('getRoomMembers', room.id);
  await call('removeRoomMember', room.id, person.id);
  await call('setRoomTopic', room.id, 'Lunch');

  await call('sendNotification', ROOM, 'hello', {color: 'green', format: 'text'});
  const history = await call('getRecentRoomHistory', ROOM, {maxResults: 1});
  await call('getRoomHistory', ROOM, {reverse: false});
  await call('getRoomMessage', ROOM, history.items[0].id);
  await call('getRoomStatistics', ROOM);

  const hook = await call('createRoomWebhook', ROOM, {
    event: 'room_message', name: 'ac', url: 'https://example.com/hook', pattern: '^/tea'});
  await call('getRoomWebhook', ROOM, hook.id);
  await call('getRoomWebhooks', ROOM);
  await call('deleteRoomWebhook', ROOM, hook.id);

  await call('deleteRoom', room.id);
  await call('deleteUser', person.id);
  return done;
};

(async () => {
  const installation = {oauthId: ID, oauthSecret: SECRET, groupId: 1};
  const tenant = ac.tenantFactory(installation, await rest.getCapabilities(HIPCHAT + '/capabilities'));
  console.log(JSON.stringify(await calls(rest.forTenant(tenant, tokens))));
})();
