#!/bin/sh
# Waits for something that never comes, as a restore from a tape that nobody has loaded.
echo "gameday: step wait for the tape"
sleep 611
