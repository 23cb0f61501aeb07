#!/bin/sh
echo restoring
