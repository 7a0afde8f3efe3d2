#!/bin/sh
# Prints C source with every script of a folder as a struct script: name, text, SHA-1 of the text.
# usage: embed.sh FOLDER
# A line `-- include: FILE` is replaced by that file's text; files that are only included get no script of their own.
set -eu
folder=$1

included=$(sed -n 's/^-- include: //p' "$folder"/*.lua | sort -u | tr '\n' ' ')

expand() {
    awk -v folder="$folder" '
        !/^-- include: / { print; next }
        {
            file = folder "/" $3
            while ((status = (getline line < file)) > 0) print line
            close(file)
            if (status < 0) { print "embed.sh: cannot read " file > "/dev/stderr"; exit 1 }
        }' "$1"
}

echo '/* Made by shared/lua/embed.sh. */'
echo '#include "shared/command.h"'
for file in "$folder"/*.lua; do
    name=$(basename "$file" .lua)
    case " $included" in *" $name.lua "*) continue ;; esac
    text=$(expand "$file") # a command of its own: in a pipeline its failure would go unnoticed
    sha=$(printf '%s\n' "$text" | sha1sum | cut -d' ' -f1)
    printf '\nconst struct script script_%s = {\n    "%s",\n' "$name" "$name"
    printf '%s\n' "$text" | sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/.*/    "&\\n"/'
    printf '    ,\n    "%s",\n};\n' "$sha"
done
