// An app as people write them with Express. It prints the port it listens on
// and ends with its standard input, so that it cannot outlive its test.
'use strict';

const { createHash } = require('node:crypto');
const { EventEmitter } = require('node:events');
const express = require('express');
const multer = require('multer');
const session = require('express-session');

const app = express();
app.set('trust proxy', 'loopback');
app.use(session({
  secret: 'of a test',
  resave: false,
  saveUninitialized: false,
  cookie: { secure: 'auto' },
}));

app.get('/', (req, res) => res.send('home'));
app.get('/login', (req, res) => res.send('who are you?'));

// Back to where the client was, with a session of its own against fixation.
app.post('/login', express.urlencoded(), (req, res, next) => {
  const { user } = req.body;
  req.session.regenerate((err) => {
    if (err) return next(err);
    req.session.user = user;
    res.redirect(req.get('Referer') || '/');
  });
});

app.post('/logout', (req, res, next) => {
  req.session.destroy((err) => (err ? next(err) : res.redirect('/')));
});

app.get('/account', (req, res) => {
  if (!req.session.user) return res.redirect('/login');
  const url = `${req.protocol}://${req.host}${req.originalUrl}`;
  res.type('text').send([req.session.user, req.ip, url].join('\n'));
});

// Moved, with an address made of what the app knows about itself.
app.get('/moved', (req, res) => res.redirect(301, `${req.protocol}://${req.get('host')}/account?x=%2F`));

app.post('/upload', multer().single('file'), (req, res) => {
  const sha256 = createHash('sha256').update(req.file.buffer).digest('hex');
  res.type('text').send([req.body.title, req.file.originalname, sha256].join('\n'));
});

app.get('/file', (req, res) => res.sendFile('package-lock.json', { root: __dirname }));

// What is posted goes to all who listen; the response says how many they are.
const events = new EventEmitter();
app.get('/events', (req, res) => {
  const send = (text) => res.write(`data: ${text}\n\n`);
  res.set({ 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache' }).flushHeaders();
  events.on('event', send);
  res.on('close', () => events.off('event', send));
});
app.post('/events', express.text(), (req, res) => {
  events.emit('event', req.body);
  res.json(events.listenerCount('event'));
});

const server = app.listen(0, '127.0.0.1', () => console.log(server.address().port));
process.stdin.resume().on('end', () => process.exit());
