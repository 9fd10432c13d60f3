#!/bin/sh
# Stands for what changes every day.
set -e
cat /proc/sys/kernel/random/uuid >/app-id
echo "version 1" >/app
echo "the app is there"
