// Gets a token with Atlassian's add-on client, makes each of its calls, and prints which failed.
// HipChat takes the calls in `asPerson` from people only: they are made with a personal token.
const ac = require('ac-node-hipchat');

const {HIPCHAT, ID, SECRET, ROOM, TOKEN} = process.env;
const PERSON = {name: 'Carla', mentionName: 'carla', email: 'carla@example.com', title: 'Cook',
  timezone: 'mst'};
const rest = ac.RestClient();
const tokens = {get: async () => undefined, set: async () => undefined};

const calls = async (addon, person) => {
  const done = {passed: [], failed: {}};
  const callAs = async (client, name, ...args) => {
    try {
      const answer = await client[name](...args);
      done.passed.push(name);
      return answer || {};
    } catch (error) {
      done.failed[name] = error.message;
      return {};
    }
  };

  const call = (...args) => callAs(addon, ...args);
  const asPerson = (...args) => callAs(person, ...args);

  const token = await call('getToken', 'view_group');
  await call('getSession', token);
  await call('deleteSession', token);

  const emoticons = await call('getEmoticons', {maxResults: 1});
  await call('getEmoticon', emoticons.items[0].shortcut);

  const carla = await call('createUser', PERSON);
  await call('updateUser', carla.id, {...PERSON, title: 'Chef'});
  await call('getUser', PERSON.email);
  await call('getUsers', {maxResults: 1000});
  await call('updateUserPhoto', carla.id, 'aGk=');
  await call('deleteUserPhoto', carla.id);

  const room = await call('createRoom', {
    name: 'Made by Atlassian', topic: 'Tea', privacy: 'private', ownerUserId: carla.id});
  const whole = await call('getRoom', room.id);
  await call('updateRoom', room.id, {
    name: whole.name, privacy: whole.privacy, isArchived: false, isGuestAccessible: false,
    topic: 'Coffee', owner: {id: carla.id}});
  await call('getRooms');
  await call('addRoomMember', room.id, carla.id);
  await call('getRoomMembers', room.id);
  await call('removeRoomMember', room.id, carla.id);
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

  await asPerson('replyToMessage', ROOM, history.items[0].id, 'hello to you');
  await asPerson('shareLinkWithRoom', ROOM, 'https://example.com/tea', 'look');
  await asPerson('shareLinkWithUser', PERSON.email, 'https://example.com/tea');
  const inbox = await asPerson('getRecentPrivateChatHistory', PERSON.email);
  await asPerson('getPrivateChatMessage', PERSON.email, inbox.items[0].id);

  const update = {glance: [{key: 'tea', content: {label: {type: 'html', value: 'hot'}}}]};
  await call('glancePushGroup', update);
  await call('glancePushRoom', ROOM, update);
  await call('glancePushUser', PERSON.email, update);

  await call('deleteRoom', room.id);
  await call('deleteUser', carla.id);
  return done;
};

(async () => {
  const installation = {oauthId: ID, oauthSecret: SECRET, groupId: 1};
  const tenant = ac.tenantFactory(installation, await rest.getCapabilities(HIPCHAT + '/capabilities'));
  const personal = {...tokens, get: async () => ({access_token: TOKEN})};
  console.log(JSON.stringify(await calls(rest.forTenant(tenant, tokens),
                                         rest.forTenant(tenant, personal))));
})();
