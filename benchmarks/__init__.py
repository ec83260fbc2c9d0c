"""The pack beside what a user would pick instead: same machine, same run, alternating rounds."""
