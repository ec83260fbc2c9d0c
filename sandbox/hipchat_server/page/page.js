// The chat page: polls the server's state, shows it, and posts messages and events.

import {begin as beginAddons, showAddons} from "./addons.js";
import {make, messageElement} from "./message.js";
import {call} from "./server.js";

const PERIOD = 400; // milliseconds between two requests
const PEOPLE = ["Ann", "Bob", "Carol"];

const $ = (id) => document.getElementById(id);
const shown = {room: null, messages: 0, rooms: "", people: "", trace: ""};
const seen = new Map(); // the number of messages that were shown, by room ID
let room = null;
let trace = {happened: null, done: true};

async function update() {
  const state = await call("GET", "state?room=" + (room ? room.id : ""));
  room = state.rooms.find(({id}) => room && id === room.id) || state.rooms[0] || null;
  if (room && state.room !== room.id) {
    await update();
    return;
  }
  showRooms(state.rooms);
  showRoom(state.messages);
  showPeople(state.people);
  showAddons(state.addons, room);
  if (state.happened !== trace.happened || !trace.done) {
    trace = {...await call("GET", "trace"), happened: state.happened};
    showTrace();
  }
}

function showRooms(rooms) {
  if (room) {
    seen.set(room.id, room.messages);
  }
  const news = ({id, messages}) => messages - (seen.has(id) ? seen.get(id) : 0);
  const state = JSON.stringify([room && room.id, rooms.map((each) => [each.name, news(each)])]);
  if (state === shown.rooms) {
    return;
  }
  shown.rooms = state;
  // Keep the focus on its button when the list is rebuilt.
  const focused = document.activeElement.dataset.room;
  $("rooms").replaceChildren(...rooms.map((each) => {
    const button = make("button", "", make("span", "", each.name));
    button.dataset.room = each.id;
    button.onclick = () => choose(each);
    if (room && each.id === room.id) {
      button.setAttribute("aria-current", "true");
    }
    if (news(each)) {
      button.append(make("span", "new", news(each) + " new"));
    }
    return make("li", "", button);
  }));
  const again = focused && $("rooms").querySelector(`[data-room="${focused}"]`);
  if (again) {
    again.focus();
  }
}

function showRoom(messages) {
  $("room").textContent = room ? room.name + (room.is_archived ? " (archived)" : "") : "No room";
  $("topic").textContent = room ? room.topic || "No topic" : "Add a room to begin.";
  const present = room ? room.people : [];
  if ($("present").textContent !== present.join("")) {
    $("present").replaceChildren(...present.map((name) => make("li", "", name)));
  }
  if (!room || shown.room !== room.id || shown.messages > room.messages) {
    shown.room = room && room.id;
    shown.messages = room ? room.messages - messages.length : 0;
    $("log").replaceChildren();
  }
  // Add only new messages: screen readers announce every added one.
  const added = room ? messages.slice(Math.max(0, messages.length - room.messages +
    shown.messages)) : [];
  for (const message of added) {
    const parent = messages.find(({id}) => id === message.attach_to);
    $("log").append(messageElement(message, parent));
  }
  if (added.length) {
    shown.messages = room.messages;
    $("log").scrollTop = $("log").scrollHeight;
  }
}

function showPeople(people) {
  const names = [...new Set([...PEOPLE, ...people])];
  if (shown.people !== names.join("\n")) {
    shown.people = names.join("\n");
    $("people").replaceChildren(...names.map((name) => new Option(name, name)));
  }
}

function showTrace() {
  const state = JSON.stringify([trace.steps, trace.stackstorm]);
  if (state === shown.trace) {
    return;
  }
  shown.trace = state;
  $("trace").replaceChildren(...trace.steps.map(({kind, state, title, detail}) =>
    make("li", state, make("strong", "", kind), make("span", "hidden", " (" + state + ")"),
      // A URL may break after its slashes.
      make("p", "", ...title.split(/(?<=\/)/).flatMap((part) => [part, make("wbr", "")])),
      make("p", "", detail))));
  // Screen readers announce the last step only.
  const last = trace.steps.filter(({state}) => state !== "stopped").pop();
  $("trace-led-to").textContent = trace.done && last ?
    `Result: ${last.kind}, ${last.title}, ${last.detail}` : "";
  $("trace-help").hidden = trace.steps.length > 0;
  $("no-stackstorm").hidden = Boolean(trace.stackstorm);
}

function choose(chosen) {
  room = chosen;
  showNotice("");
  refresh();
}

function showNotice(text, bad = false) {
  $("notice").textContent = text;
  $("notice").classList.toggle("bad", bad);
}

// One request at a time, so that an old response never overwrites a new one.
let pending = Promise.resolve();
function refresh() {
  pending = pending.then(update).catch((error) => showNotice("Cannot load the rooms: " + error.message, true));
  return pending;
}

async function act(notice, path, body) {
  const user = $("person").value.trim();
  if (!user) {
    $("person").focus();
    return;
  }
  try {
    await call("POST", path, {room: String(room && room.id), user, ...body});
    showNotice(user + notice);
  } catch (error) {
    showNotice(error.message, true);
  }
  await refresh();
}

$("say").onsubmit = async (event) => {
  event.preventDefault();
  const message = $("message").value;
  $("message").value = "";
  $("message").focus();
  await act(" posted the message.", "say", {message});
};
$("enter").onclick = () => act(" entered " + room.name + ".", "act", {event: "enter"});
$("exit").onclick = () => act(" left " + room.name + ".", "act", {event: "exit"});
$("change-topic").onclick = () => {
  $("new-topic").value = room.topic;
  $("topic-dialog").returnValue = "";
  $("topic-dialog").showModal();
};
$("topic-dialog").onclose = ({target}) => {
  if (target.returnValue === "change") {
    act(" changed the topic.", "act", {event: "topic_change", topic: $("new-topic").value});
  }
};
$("new-room").onsubmit = async (event) => {
  event.preventDefault();
  const name = $("room-name").value.trim();
  $("room-name").value = "";
  await act(" created " + name + ".", "act", {event: "created", room: name});
};

beginAddons(showNotice, refresh);
$("person").value = PEOPLE[0];
(async function poll() {
  for (;;) {
    await refresh();
    await new Promise((resolve) => setTimeout(resolve, document.hidden ? 5 * PERIOD : PERIOD));
  }
})();
