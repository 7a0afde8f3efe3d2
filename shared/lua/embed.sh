#!/bin/sh
# Prints C source with every script of a folder as a struct script: name, text, SHA-1 of the text.
# usage: embed.sh FOLDER
# A line `-- include: FILE` is replaced by that file's text; files that are only included get no script of their own.
set -eu
folder=$1

included=$(sed -n 's/^-- include: //p' "$folder"/*.lua | sort -u)
expand() {
    awk -v folder="$folder" '/^-- include: / { while ((getline line < (folder "/" $3)) > 0) print line; next } { print }' "$1"
}

echo '/* Made by shared/lua/embed.sh. */'
echo '#include "shared/command.h"'
for file in "$folder"/*.lua; do
    name=$(basename "$file" .lua)
    case " $(echo "$included" | tr '\n' ' ') " in *" $name.lua "*) continue ;; esac
    printf 'const struct script script_%s = {\n    "%s",\n' "$name" "$name"
    expand "$file" | sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/.*/    "&\\n"/'
    printf '    ,\n    "%s",\n};\n' "$(expand "$file" | sha1sum | cut -d' ' -f1)"
done
