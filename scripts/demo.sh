#!/bin/sh
# From nothing to a translator: installs what is missing, builds, trains configs/tiny.ini, and translates.
set -eu
cd "$(dirname "$0")/.."
sh scripts/setup.sh
make -s ${STB:+STB="$STB"}
./train configs/tiny.ini
for text in "the cat sat" "the cat sat on the mat" "please buy an apple and an orange" \
    "apple unveiled the new phone" "the dog sees the cat" "the cat sees the dog" \
    "the car is old but it is fast" "where is her white chair?"; do
    printf '%s\n    -> ' "$text"
    ./translate -m runs/tiny/model.gguf "$text"
done
echo "held-out test sentences translated exactly right, by family:"
sh scripts/score_tiny.sh runs/tiny/model.gguf
cat <<END

next, type a sentence of your own:
    ./translate -m runs/tiny/model.gguf
how it translates one, as a page that opens in your browser:
    ./inspect -m runs/tiny/model.gguf --open "please buy an apple and an orange" \\
        --compare "apple unveiled the new phone"
how it learnt:
    file://$(pwd | sed 's/ /%20/g')/runs/tiny/report.html
the same training within a page, in your browser:
    sh scripts/web_setup.sh && make web    # then open build/web/nmt.html
END
