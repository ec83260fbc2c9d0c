"""Runs chat commands in the sensor.

    dispatch/ ──▶ commands.take()   writes a message that begins with the prefix to the journal
                     runner         checks it, asks StackStorm to start it, acknowledges
    StackStorm ──▶ event_stream     reports executions that end or ask something
                     results        posts results, and also checks running executions itself

A command is in the journal from the moment its delivery leaves the spool until its last reply is
sent.
"""
