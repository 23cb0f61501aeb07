#!/bin/sh
echo "the disk array is on fire" >&2
exit 3
