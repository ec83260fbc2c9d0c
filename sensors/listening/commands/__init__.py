"""What a chat command does in the sensor.

    dispatch/ ──▶ commands.take()   a message that begins with the prefix is written to the journal
                     runner         checks it, asks StackStorm to start it, acknowledges
    StackStorm ──▶ event_stream     tells of executions that end or ask something
                     results        answers the room, and looks at running executions itself

A command is in the journal from the moment its delivery leaves the spool until its requester has
got the last answer.
"""
