"""Every period, delay, timeout and backoff of the sensor, in seconds.

Modules write `from listening import timing` and `timing.NAME`, so that a test can set one. A
name's ending says what it is: PERIOD (from one run to the next), DELAY (the wait before
something), TIMEOUT (the limit after which we give up), RETRY_MAX (the longest delay of a backoff),
THROTTLE (at most one run in this time), KEPT (how long something is remembered).
"""

# http: the webhook endpoint

REQUEST_TIMEOUT = 15.0  # for a request to arrive; HipChat waits about 10 s for the response
CROWDED_REQUEST_TIMEOUT = 1.0  # for the slowest client while all connections are in use
LINGER_TIMEOUT = 1.0  # for reading on after a refusal, so that the client sees the response
PORT_RETRY_MAX = 15.0  # between attempts to listen on the port
CHECK_THROTTLE = 60.0  # history checks of one room that anybody's requests can cause
JWT_LEEWAY = 60.0  # for errors in our estimate of HipChat's clock when a JWT is checked

# spool

SPOOL_OPEN_RETRY_MAX = 15.0  # between attempts to open the spool; deliveries get 503 until then
COMMIT_TIMEOUT = 10.0  # for a commit; after it, deliveries get 503 until the disk answers
COMMIT_RETRY_DELAY = 1.0  # before a failed removal of dispatched deliveries is retried
CLOCK_SETTLE_DELAY = 3600.0  # after a start, before anything expires: the clock may be set late
DEDUP_KEPT = 3600.0  # for recognizing a duplicate, in addition to catch_up
TOPIC_SPAN = 120.0  # setting the same topic twice within one span counts as one change

# dispatch

DISPATCH_RETRY_MAX = 30.0  # between attempts for a failing delivery; its room waits behind it
OUTAGE_RETRY_MAX = 2.0  # between probes while StackStorm is unreachable
DISPATCH_SLOW = 5.0  # after which a running dispatch is a problem in /health
DISPATCH_YIELD_TIMEOUT = 0.02  # dispatches wait this long for HTTP requests, which are urgent
TRIGGER_REFRESH_PERIOD = 30.0  # between reads of the triggers: a lost broker loses changes
TRIGGER_REFRESH_RETRY_DELAY = 2.0  # between reads while StackStorm's database does not answer
TRIGGER_SETTLE_DELAY = 3.0  # StackStorm stores the rule up to this long after the trigger
TRIGGER_RECHECK_DELAY = 0.5  # between reads of the triggers during TRIGGER_SETTLE_DELAY
TRIGGER_REFRESH_THROTTLE = 5.0  # reads of the triggers for deliveries without a subscription

# stackstorm: broker and database

BROKER_HEARTBEAT = 5  # a connection to the broker that is silent for this long is dead
BROKER_BEAT_PERIOD = 1.0  # between checks of that connection; several must fit in BROKER_HEARTBEAT
BROKER_CONNECT_TIMEOUT = 4.0  # for each broker in the cluster
BROKER_CLOSE_TIMEOUT = 2.0  # for closing a connection to the broker
DATABASE_TIMEOUT = 4.0  # for a response of StackStorm's database
DATABASE_CHECK_KEPT = 0.25  # for the result of the database check before each publish

# webhooks

WEBHOOK_CHECK_PERIOD = 300.0  # between checks of a room's webhooks, so that a deleted one returns
WEBHOOK_LOOK_THROTTLE = 60.0  # checks of a room in which an unknown webhook delivers
WEBHOOK_MAKE_PERIOD = 3600.0  # in which an unlisted webhook is created three times at most
WEBHOOK_ROOM_RETRY_MAX = 900.0  # between attempts for a room whose webhooks cannot be managed
ROOM_LIST_PERIOD = 300.0  # between reads of HipChat's room list: a new name is unknown so long
ROOM_LIST_RETRY_MAX = 60.0  # between attempts while the room list cannot be read
RULE_PROBLEMS_PERIOD = 3.0  # between checks of the rules

# HipChat's API, when all of it fails

HIPCHAT_RETRY_MIN = 1.0  # before the next call, also if HipChat says that its limit has just ended
HIPCHAT_RETRY_MAX = 60.0  # between calls

# history

AUDIT_PERIOD = 900.0  # between history checks of an active room with webhooks
AUDIT_QUIET_PERIOD = 21600.0  # between history checks of a quiet room with webhooks
HISTORY_ROOM_RETRY_MAX = 3600.0  # between attempts for a room whose history cannot be read
POLL_PERIOD_MIN = 1.0  # between polls when HipChat states no limit
ROOM_LIVELY_KEPT = 600.0  # a polled room is polled twice as often for this long after a message
ROOM_ORDER_KEPT = 1.0  # for the sorted order of a schedule
WEBHOOK_SETTLE_DELAY = 5.0  # after which a delivery under way has arrived by its webhook
POLL_REACH_MIN = 300.0  # how far back a polled room is read at least, whatever catch_up is
CURSOR_WRITE_PERIOD = 2.0  # between writes of cursors; a takeover reads messages of this time again
CURSOR_KEPT = 600.0  # for a room without a rule: rules are often deleted and created again
ROOM_PAUSE_MAX = 30.0  # how long a room's new deliveries wait for its backfill

# addon

ADDON_CHECK_PERIOD = 600.0  # between checks that HipChat still knows the add-on
ADDON_CHECK_DELAY = 1.0  # before a check that a callback requests, and between its calls
ADDON_RECHECK_DELAY = 60.0  # before the second check: HipChat may delete the add-on after the first
DATASTORE_RETRY_MAX = 60.0  # between attempts to read or write StackStorm's datastore

# operations

TASK_RETRY_MAX = 30.0  # before a failed task is restarted
TASK_STEADY_DELAY = 10.0  # after which a restarted task counts as healthy
WARNING_THROTTLE = 60.0  # log lines about one recurring problem
INCIDENT_KEPT = 3600.0  # for an incident in /health
TOKEN_CHECK_DELAY = 60.0  # before the first check of the token: webhooks are more urgent then
TOKEN_CHECK_PERIOD = 21600.0  # between checks of the HipChat token's expiry
TOKEN_RETRY_DELAY = 600.0  # before the next check after a failed one
CONFIG_PERIOD = 3.0  # between reads of the registered config
CONFIG_REGISTRATION_TIMEOUT = 60.0  # for StackStorm to register the config of a new pack
STOP_TIMEOUT = 3.5  # for work under way at SIGTERM; StackStorm kills a sensor after 5 s

# commands

TOKEN_RENEWAL_LEAD = 300.0  # a service token is renewed this long before it expires
STREAM_CONNECT_TIMEOUT = 5.0  # for connecting to StackStorm's event stream
STREAM_SILENCE_TIMEOUT = 60.0  # for a silent stream; StackStorm sends something every 25 s
STREAM_RETRY_MAX = 15.0  # between attempts to read the event stream
EXECUTION_LOOK_PERIOD = 1.0  # between reads of running executions while the stream is down
EXECUTION_PERIOD = 10.0  # between such reads while the stream is up, which may lose events
EXECUTION_TIMEOUT = 86400.0  # for an execution to end; after it, its result is not awaited
REPLY_TIMEOUT = 3600.0  # for sending a reply while HipChat fails
REPLY_RETRY_MAX = 60.0  # between attempts to send a reply
HIPCHAT_CLOCK_LEEWAY = 5.0  # for errors in our estimate of HipChat's clock when a reply is searched
START_SETTLE_DELAY = 5.0  # StackStorm starts an execution within this time after a request for it
START_CHECK_TIMEOUT = 300.0  # for finding the execution of a command from before a restart
START_CHECK_RETRY_MAX = 15.0  # between attempts to find this execution
LATE_COMMANDS_DELAY = 3.0  # after the last expired command, before one reply covers them all
COMMAND_KEPT = 86400.0  # for recognizing a command again; longer than any backfill reaches
COMMAND_PURGE_PERIOD = 3600.0  # between removals of commands that are older than COMMAND_KEPT

# operations: the active sensor and its standbys

LOCK_TIMEOUT = 10.0  # of the active sensor's lock: the longest time that a takeover takes
LOCK_MARGIN = 2.0  # before LOCK_TIMEOUT, when the active sensor stops dispatching
LOCK_RENEWAL_PERIOD = 2.0  # between renewals; several must fit in LOCK_TIMEOUT
LOCK_ATTEMPT_PERIOD = 0.5  # between a standby's attempts to get the lock
COORDINATION_TIMEOUT = 2.0  # for the coordination service; tooz's own 30 s exceed LOCK_TIMEOUT
STANDBY_PERIOD = 3.0  # between a standby's announcements
STANDBY_SEEN_KEPT = 9.0  # after its last announcement, a standby still counts as able to dispatch
SENSOR_SEEN_KEPT = 30.0  # after its last announcement, another sensor still counts as running
BALANCER_DELAY = 3.0  # HipChat gets 503 this long: a load balancer needs it to notice a takeover
STALL_PERIOD = 1.0  # between the clock checks that detect a stalled process
STALL_DELAY = 5.0  # a stall of this length may have cost deliveries
# Without a broker, before the active sensor makes way for a standby. It exceeds STANDBY_SEEN_KEPT:
# a standby that lost the broker at the same time must not count.
BROKER_LOST_DELAY = 10.0
TAKEOVER_CLOCK_MARGIN = 60.0  # between the clocks of two StackStorm machines and of HipChat
