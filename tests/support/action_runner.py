"""Runs the pack's actions in the tests' own process."""
import json

from jsonschema.validators import validator_for

from sandbox.stackstorm import pack, parameters, platform_modules, plugins
from sandbox.stackstorm.config import complete
from sandbox.stackstorm.errors import Invalid


class ActionRunner:
    """act(action, config={...}, **parameters) -> (succeeded, result).

    Parameters are rendered, checked and completed as StackStorm does, and so is a config that it
    would take; every result must fit the action's output_schema and must not hold the token.
    """

    def __init__(self, directory, hipchat):
        self._directory, self._hipchat = directory, hipchat
        self._schema = pack.read(directory.parent / "config.schema.yaml")

    def definition(self, action):
        """The action's YAML file."""
        return pack.read(self._directory / (action + ".yaml"))

    def __call__(self, *action, config=None, **given):
        definition = self.definition(*action)  # by its place: a parameter may be called action
        values = parameters.prepare(given, definition.get("parameters") or {}, {})
        values.pop("timeout", None)  # the runner's, not the action's
        config = dict({"api_key": self._hipchat.token, "api_url": self._hipchat.url},
                      **config or {})
        try:
            config = complete(config, self._schema)
        except Invalid:
            pass
        succeeded, result = self._class(definition)(config).run(**values)
        self.check(result, definition["output_schema"])
        assert str(config["api_key"]) not in json.dumps(result)
        return succeeded, result

    @staticmethod
    def check(result, schema):
        """Whether a result fits its schema, which is checked itself where all metadata is."""
        validator_for(schema)(schema).validate(result)

    def _class(self, definition):
        platform_modules.install_base_classes()
        from st2common.runners.base_action import Action
        return plugins.load_class(self._directory / definition["entry_point"], Action)
