// Lets hipchat.example.com be this machine: a suite looks for HipChat's name in its URLs.
const dns = require('dns');
const {lookup} = dns;

dns.lookup = (host, ...more) =>
  lookup(host === 'hipchat.example.com' ? '127.0.0.1' : host, ...more);
