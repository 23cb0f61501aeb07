#!/bin/sh
# Says one line and is content.
echo "$1"
