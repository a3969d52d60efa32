#!/bin/sh
# From nothing to a translator: installs what is missing, builds, trains configs/tiny.ini, and translates.
set -eu
cd "$(dirname "$0")/.."
sh scripts/setup.sh
make -s ${STB:+STB="$STB"}
./train configs/tiny.ini
for text in "The cat sat on the mat" "Aditya eats pizza" "Pizza eats Aditya" "I love pizza" "Write a poem" \
    "Please buy an apple and orange, apple unveiled new phones" "The dog sees the cat" "The cat sees the dog" \
    "The thief escaped after the guard dozed off" "The car is old but it is fast" "Where is her white chair?"; do
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
