"""Runs chat commands in the sensor.

    dispatch/ ──▶ service           finds the messages that begin with the prefix
                     runner         writes them to the journal, starts them, acknowledges
    StackStorm ──▶ event_stream     reads the ends of executions, and their inquiries
                     results        posts results and questions; also checks running executions
                     replies        sends each reply to HipChat, once

The journal is the record of unanswered commands in StackStorm's datastore. A command is in the
journal from the moment its delivery leaves the spool until its last reply is sent.
"""
