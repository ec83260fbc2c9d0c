"""Emoticons: list and get. The sandbox has a few of HipChat's global ones."""

from typing import Any, Dict

from flask import Blueprint, jsonify, request

from sandbox.hipchat_server.context import group
from sandbox.hipchat_server.errors import ApiError, not_found
from sandbox.hipchat_server.authorization import needs
from sandbox.hipchat_server.paging import page

blueprint = Blueprint("emoticons", __name__)

TYPES = ("all", "global", "group")
SHORTCUTS = ("allthethings", "awesome", "beer", "boom", "cake", "challengeaccepted", "coffee",
             "dance", "derp", "disapproval", "facepalm", "fonzie", "goodnews", "highfive",
             "kwanzaa", "lol", "notbad", "okay", "success", "tableflip", "thumbsup", "yey")
EMOTICONS = {105216 + place: shortcut for place, shortcut in enumerate(SHORTCUTS)}


@blueprint.get("/emoticon")
@needs("view_group")
def get_all_emoticons() -> Any:
    kind = request.args.get("type", "all")
    if kind not in TYPES:
        raise ApiError(400, f"Value u'{kind}' for field 'type' is not in the enumeration: "
                            f"{', '.join(TYPES)}", field="type", value=kind)
    listed = [] if kind == "group" else list(EMOTICONS)
    return jsonify(page(listed, short, full))


@blueprint.get("/emoticon/<id_or_shortcut>")
@needs("view_group")
def get_emoticon(id_or_shortcut: str) -> Any:
    for number, shortcut in EMOTICONS.items():
        if id_or_shortcut in (str(number), shortcut):
            return jsonify(full(number))
    raise not_found("Emoticon", id_or_shortcut)


def short(number: int) -> Dict[str, Any]:
    return {"id": number, "shortcut": EMOTICONS[number], "type": "global",
            "url": f"https://files.example.com/emoticons/{EMOTICONS[number]}.png",
            "links": {"self": f"{group.url}/emoticon/{number}"}}


def full(number: int) -> Dict[str, Any]:
    return {**short(number), "width": 30, "height": 30, "audio_path": None, "creator": None}
