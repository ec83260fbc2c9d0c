// Sends a message of each kind that the notifier has, one after the other.
const {ROOM, TOKEN, HOST} = process.env;
const notifier = require('hipchat-notifier').make(ROOM, TOKEN, 'npm', HOST);
const kinds = ['notice', 'info', 'success', 'warning', 'failure'];

const next = () => {
  const kind = kinds.shift();
  if (kind) notifier[kind](kind === 'failure' ? '<b>failure</b>' : kind, (error, response) => {
    if (error || response.statusCode !== 204) throw new Error(error || response.statusCode);
    next();
  });
};
next();
