#!/bin/sh
# kill -9 under load, many times (100, or as many as the first argument says): every answer whose end was seen is in the
# ledger once, with its tokens. `cargo test` does the same a few times.
set -eu
cd "$(dirname "$0")/.."
FLOWGATE_KILLS="${1:-100}" exec cargo test --test main -- binary::crash --nocapture
