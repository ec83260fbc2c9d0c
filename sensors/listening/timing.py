"""Every period, delay, timeout and backoff of the sensor, in seconds.

Modules write `from listening import timing` and `timing.NAME`, so that a test can set one. A name
ends in what it is: PERIOD (from one run to the next), DELAY (before something), TIMEOUT (after
which something is given up), RETRY_MAX (the longest pause of a backoff), THROTTLE (at most once in
this time), KEPT (for how long something is remembered).
"""

# http: the webhook endpoint

REQUEST_TIMEOUT = 15.0
"""In which a request must have arrived. HipChat waits about 10 s for an answer."""
CROWDED_REQUEST_TIMEOUT = 1.0
"""The same while all connections are in use: the slowest client is cut off after it."""
LINGER_TIMEOUT = 1.0
"""For what a refused client still sends; without it, the client would not see the answer."""
PORT_RETRY_MAX = 15.0
"""Between two attempts to listen on the port."""
CHECK_THROTTLE = 60.0
"""A room's history is read at most once in it for requests that anybody can send."""
JWT_LEEWAY = 60.0
"""By which our notion of HipChat's clock may be wrong when a JWT is checked."""

# spool

SPOOL_OPEN_RETRY_MAX = 15.0
"""Between two attempts to open the spool; deliveries get 503 meanwhile."""
COMMIT_TIMEOUT = 10.0
"""Of a commit, after which deliveries get 503 until the disk answers. HipChat waits about 10 s."""
COMMIT_RETRY_DELAY = 1.0
"""Before the removal of dispatched deliveries is tried again."""
CLOCK_SETTLE_DELAY = 3600.0
"""Of a run in which the machine's clock may be set; nothing expires before."""
DEDUP_KEPT = 3600.0
"""For which a message is known again, beyond catch_up: the latest repetition that counts."""
TOPIC_SPAN = 120.0
"""The same topic set again in one span is taken for the same change."""

# dispatch

DISPATCH_RETRY_MAX = 30.0
"""Between two attempts of a delivery that alone fails; its room waits behind it."""
OUTAGE_RETRY_MAX = 2.0
"""Between two probes while StackStorm takes nothing; how late everything is when it is back."""
DISPATCH_SLOW = 5.0
"""After which a dispatch that has not failed yet is a problem in /health."""
DISPATCH_YIELD_TIMEOUT = 0.02
"""For which dispatches wait for deliveries that arrive: HipChat waits for its 204."""
TRIGGER_REFRESH_PERIOD = 30.0
"""Between two reads of StackStorm's triggers: a change may be lost while the broker is away."""
TRIGGER_REFRESH_RETRY_DELAY = 2.0
"""The same while StackStorm's database does not answer."""
TRIGGER_SETTLE_DELAY = 3.0
"""After StackStorm has reported a trigger, in which it has stored the rule, too."""
TRIGGER_RECHECK_DELAY = 0.5
"""Between two reads of the triggers until then: how late a new rule is heard."""
TRIGGER_REFRESH_THROTTLE = 5.0
"""Between two reads of the triggers for deliveries that no subscription matches."""

# stackstorm: broker and database

BROKER_HEARTBEAT = 5
"""Broker and client are heard at least twice in it; a dead connection is noticed after it."""
BROKER_BEAT_PERIOD = 1.0
"""Between two looks at the connection to the broker; several must fit in BROKER_HEARTBEAT."""
BROKER_CONNECT_TIMEOUT = 4.0
"""For each broker that may be tried."""
BROKER_CLOSE_TIMEOUT = 2.0
"""For the end of a connection to the broker."""
DATABASE_TIMEOUT = 4.0
"""For an answer of StackStorm's database."""
DATABASE_CHECK_KEPT = 0.25
"""For which the check that the database takes writes holds: publishing checks it first."""

# webhooks

WEBHOOK_CHECK_PERIOD = 300.0
"""Between two looks at a room's webhooks: how long one that somebody deleted is missing."""
WEBHOOK_LOOK_THROTTLE = 60.0
"""Before a look at a room in which a webhook delivers that is none of those that we made."""
WEBHOOK_MAKE_PERIOD = 3600.0
"""In which a webhook is made three times at most, where HipChat does not list what it made."""
WEBHOOK_ROOM_RETRY_MAX = 900.0
"""Between two attempts for a room whose webhooks cannot be managed."""
ROOM_LIST_PERIOD = 300.0
"""Between two looks at HipChat's list of rooms: how long a new name may be unknown."""
ROOM_LIST_RETRY_MAX = 60.0
"""Between two looks at the list of rooms that fail."""
RULE_PROBLEMS_PERIOD = 3.0
"""Between two checks of the rules: StackStorm stores a rule after it has told of its trigger."""

# HipChat's API, wherever it fails as a whole

HIPCHAT_RETRY_MIN = 1.0
"""Before the next call, also where HipChat announces that its limit has just ended."""
HIPCHAT_RETRY_MAX = 60.0
"""Between two calls while HipChat is in trouble."""

# history

AUDIT_PERIOD = 900.0
"""Between two looks at a room with webhooks in which somebody spoke."""
AUDIT_QUIET_PERIOD = 21600.0
"""The same for a room in which nobody spoke."""
HISTORY_ROOM_RETRY_MAX = 3600.0
"""Between two attempts for a room whose history cannot be read."""
POLL_PERIOD_MIN = 1.0
"""From one poll to the next where HipChat announces no limit."""
ROOM_LIVELY_KEPT = 600.0
"""For which a polled room counts as lively after a message: it is polled twice as often."""
ROOM_ORDER_KEPT = 1.0
"""For which a schedule keeps the order of its rooms before it works it out again."""
WEBHOOK_SETTLE_DELAY = 5.0
"""After which a delivery that is on its way by a webhook has arrived."""
POLL_REACH_MIN = 300.0
"""How far back a polled room is read at least, whatever catch_up says."""
CURSOR_WRITE_PERIOD = 2.0
"""Between two writes of cursors to StackStorm's datastore: a takeover reads that much again."""
CURSOR_KEPT = 600.0
"""For which a room that no rule wants keeps its cursor: rules are deleted and made again."""
ROOM_PAUSE_MAX = 30.0
"""For which new deliveries of a room wait for the backfilled ones."""

# addon

ADDON_CHECK_PERIOD = 600.0
"""Between two checks that HipChat still knows the add-on."""
ADDON_CHECK_DELAY = 1.0
"""Before a check that a callback asked for, and between two of its calls."""
ADDON_RECHECK_DELAY = 60.0
"""Before one more such check: HipChat may call back before it deletes."""
DATASTORE_RETRY_MAX = 60.0
"""Between two attempts to read or write StackStorm's datastore."""

# operations

TASK_RETRY_MAX = 30.0
"""Before a task that failed is started again."""
TASK_STEADY_DELAY = 10.0
"""After which a restarted task counts as well."""
WARNING_THROTTLE = 60.0
"""Between two log lines about a problem that comes and goes."""
INCIDENT_KEPT = 3600.0
"""For which an incident, which is over, is shown in /health."""
TOKEN_CHECK_PERIOD = 21600.0
"""Between two checks when HipChat's token ends."""
TOKEN_RETRY_DELAY = 600.0
"""Before the next of these checks, where HipChat fails."""
CONFIG_PERIOD = 3.0
"""Between two looks at the registered config."""
CONFIG_SLOW_PERIOD = 30.0
"""The same once the config has been wrong for CONFIG_SLOW_DELAY."""
CONFIG_SLOW_DELAY = 300.0
"""After which a wrong config is looked at every CONFIG_SLOW_PERIOD only."""
CONFIG_REGISTRATION_TIMEOUT = 60.0
"""In which StackStorm registers the config of a pack that it has installed."""
STOP_TIMEOUT = 3.5
"""For work that is under way at SIGTERM; StackStorm kills a sensor after 5 s."""

# commands

TOKEN_RENEWAL_LEAD = 300.0
"""Before the end of a service token of StackStorm's: it is renewed then."""
STREAM_CONNECT_TIMEOUT = 5.0
"""For a connection to StackStorm's event stream."""
STREAM_SILENCE_TIMEOUT = 60.0
"""After which a silent event stream is given up; StackStorm sends something every 25 s."""
STREAM_RETRY_MAX = 15.0
"""Between two attempts to read the event stream."""
EXECUTION_LOOK_PERIOD = 1.0
"""Between two looks at running executions without the event stream: how late an answer may be."""
EXECUTION_PERIOD = 10.0
"""The same with the stream, for an event that it has lost."""
EXECUTION_TIMEOUT = 86400.0
"""After which an execution that still runs is not waited for: its end may be lost for good."""
REPLY_TIMEOUT = 3600.0
"""For which a reply is tried again while HipChat is in trouble."""
REPLY_RETRY_MAX = 60.0
"""Between two attempts to send a reply."""
HIPCHAT_CLOCK_LEEWAY = 5.0
"""By which our notion of HipChat's clock may be wrong when a reply is looked for in a room."""
START_SETTLE_DELAY = 5.0
"""In which StackStorm has started what it was asked to start before the sensor was restarted."""
START_CHECK_TIMEOUT = 300.0
"""For which StackStorm is asked what a command from before a restart has started."""
START_CHECK_RETRY_MAX = 15.0
"""Between two such questions."""
LATE_COMMANDS_DELAY = 3.0
"""Without another command that is too old, before a room is told of them all at once."""
COMMAND_KEPT = 86400.0
"""For which an answered command is known again; longer than a message may be backfilled late."""
COMMAND_PURGE_PERIOD = 3600.0
"""Between two removals of commands that are known no longer."""

# operations: the active sensor and those that stand by

LOCK_TIMEOUT = 10.0
"""Of the active sensor's lock after its last renewal: how long a takeover takes at most."""
LOCK_MARGIN = 2.0
"""Before the lock's time-out, when the active sensor stops dispatching: a dispatch takes time."""
LOCK_RENEWAL_PERIOD = 2.0
"""Between two renewals; several must fit in LOCK_TIMEOUT."""
LOCK_ATTEMPT_PERIOD = 0.5
"""Between two attempts of a standby to get the lock."""
COORDINATION_TIMEOUT = 2.0
"""For an answer of the coordination service; tooz's own 30 s are longer than the lock lives."""
STANDBY_PERIOD = 3.0
"""Between two announcements of a standby that it could take over."""
SENSOR_SEEN_KEPT = 30.0
"""After its last announcement for which another sensor counts as running."""
BALANCER_DELAY = 3.0
"""After which a load balancer sends deliveries to a sensor that has become active. HipChat gets
503 until then, so rooms' histories are read after it."""
STALL_PERIOD = 1.0
"""Between two looks at the clock, to notice that this process stood still."""
STALL_DELAY = 5.0
"""Of a standstill, after which HipChat or a load balancer may have given up deliveries."""
BROKER_LOST_DELAY = 10.0
"""Of a lost broker, after which the active sensor makes way for a standby that has it."""
TAKEOVER_CLOCK_MARGIN = 60.0
"""By which the clocks of two StackStorm machines and of HipChat may differ after a takeover."""
