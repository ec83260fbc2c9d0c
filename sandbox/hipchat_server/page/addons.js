// Add-ons: shows an add-on before its installation, installs it, and lists the installed ones.

import {make} from "./message.js";
import {call} from "./server.js";

const $ = (id) => document.getElementById(id);
let shown = "";
let room = null;

// `showNotice` shows a notice; `refresh` loads the server's state.
export function begin(showNotice, refresh) {
  const attempt = async (notice, action) => {
    try {
      await action();
      showNotice(notice);
    } catch (error) {
      showNotice(error.message, true);
    }
    await refresh();
  };
  $("new-addon").onsubmit = (event) => {
    event.preventDefault();
    attempt("", async () => offer(await call(
      "POST", "addons/offer", {url: $("addon-url").value.trim()})));
  };
  $("addon-dialog").onclose = ({target}) => {
    if (target.returnValue === "install") {
      attempt($("addon-name").textContent + " is installed.", () => call("POST", "addons", {
        url: $("addon-url").value.trim(), room: $("addon-room").value || null}));
    }
  };
  $("addons").onclick = ({target}) => {
    if (target.dataset.addon) {
      attempt(target.title + " is uninstalled.", () => call("DELETE", "addons/" + target.dataset.addon));
    }
  };
}

export function showAddons(addons, presentRoom) {
  room = presentRoom;
  const state = JSON.stringify(addons);
  if (state === shown) {
    return;
  }
  shown = state;
  $("addons").replaceChildren(...addons.map((addon) => {
    const button = make("button", "", `${addon.name} in ${addon.room || "all rooms"} ×`);
    button.type = "button";
    button.title = addon.name;
    button.dataset.addon = addon.id;
    button.setAttribute("aria-label", `Uninstall ${addon.name} from ${addon.room || "all rooms"}`);
    return make("li", "", button);
  }));
}

function offer(addon) {
  $("addon-name").textContent = addon.name;
  $("addon-description").textContent = addon.description;
  $("addon-scopes").replaceChildren(...addon.scopes.map((scope) => make("li", "", scope)));
  $("addon-events").textContent = addon.events.length ?
    "It receives " + [...new Set(addon.events)].join(", ") + "." : "It receives no events.";
  $("addon-room").replaceChildren(new Option("all rooms", ""),
    ...(room ? [new Option(room.name, String(room.id))] : []));
  $("addon-dialog").returnValue = "";
  $("addon-dialog").showModal();
}
