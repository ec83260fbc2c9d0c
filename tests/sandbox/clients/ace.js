// Runs an add-on on Atlassian's library for Express; prints its descriptor's URL, then the identity
// that the library finds in each webhook, and what it does on the way.
const express = require('express');
const ace = require('atlassian-connect-express-hipchat');

const stored = {};
const app = express();
app.use(express.json());
const server = app.listen(0, '127.0.0.1', () => {
  const base = `http://127.0.0.1:${server.address().port}`;
  const say = (what) => console.log(JSON.stringify(what));
  const emitted = (name, ...more) => say({emitted: name, ...more[1] && {group: more[1].groupName}});
  const addon = {
    app, logger: {info: () => {}, error: (...more) => say({error: more.map(String)})},
    emit: emitted, config: {localBaseUrl: () => base, maxTokenAge: () => 0},
    settings: {
      get: async (key, client) => (stored[client] || {})[key] || null,
      set: async (key, value, client) => {
        stored[client] = {...stored[client], [key]: value};
        return value;
      }},
    descriptor: {
      key: 'com.example.tea', name: 'Tea', description: 'Brews tea.',
      links: {self: base + '/atlassian-connect.json', homepage: base},
      capabilities: {
        hipchatApiConsumer: {scopes: ['send_notification', 'view_group'], fromName: 'Tea'},
        installable: {allowGlobal: true, allowRoom: true, callbackUrl: base + '/installed'},
        webhook: [{url: base + '/hook', event: 'room_message', authentication: 'jwt'}]}}};
  const hipchat = ace(addon, app);
  hipchat.emit = emitted;
  hipchat._configure(() => say({url: base + '/atlassian-connect.json'}));
  app.post('/hook', hipchat.authenticate(), (req, res) => {
    say({identity: req.identity});
    res.json({message: 'Coming', message_format: 'text'});
  });
});
