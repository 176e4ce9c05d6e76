# Completion of filters. Readline divides words at `:` and `=` too and hands quotes over as they are
# typed, so the line is read anew, and of what a filter can become only what readline replaces is
# handed back. Nothing of the line is evaluated.

# The words up to the cursor into the array typed, the last into argument, the quote that is open
# there into quote.
_godwit_words() {
    local line=${COMP_LINE:0:COMP_POINT} c i any=
    typed=() argument= quote=
    for ((i = 0; i < ${#line}; i++)); do
        c=${line:i:1}
        if [[ $quote && $c == "$quote" ]]; then
            quote=
        elif [[ $c == \\ && $quote != \' ]]; then
            i=$((i + 1)) any=1
            argument+=${line:i:1}
        elif [[ ! $quote && ($c == \' || $c == \") ]]; then
            quote=$c any=1
        elif [[ ! $quote && $c == ' ' ]]; then
            [[ $any ]] && typed+=("$argument")
            argument= any=
        else
            argument+=$c any=1
        fi
    done
}

# $1: the word that readline replaces.
_godwit_filter() {
    local part=${1//\\/} remote=() i line
    part=${part#[\'\"]}
    COMPREPLY=()
    compopt +o filenames -o nospace 2>/dev/null
    [[ $argument == *"$part" ]] || return 0
    for ((i = 2; i + 1 < ${#typed[@]}; i++)); do
        case ${typed[i]} in
        --server | --ca | --org) remote+=("${typed[i]}=${typed[i + 1]}") ;;
        esac
    done
    while IFS= read -r line; do
        line=${line%%$'\t'*}
        line=${line:${#argument}-${#part}}
        case $quote in
        \') ;;
        \") line=${line//\"/\\\"} ;;
        *) printf -v line %q "$line" ;;
        esac
        COMPREPLY+=("$line")
    done < <("${typed[0]}" devices "${remote[@]}" --complete="$argument" </dev/null 2>/dev/null)
    # A second word keeps readline from closing the quote behind a field.
    if [[ $quote && ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *: ]]; then
        COMPREPLY+=("${COMPREPLY[0]}*")
    fi
}

# Completes where a filter stands: behind the option $filters; or, where $has_filter, as an argument,
# which is not behind one of the options $valued.
# $1: the word that readline replaces. False: there is none.
_godwit_try_filter() {
    local typed argument quote before
    [[ $filters || $has_filter ]] || return
    _godwit_words
    before=${typed[${#typed[@]} - 1]}
    if [[ $filters && $argument == "$filters"=* ]]; then
        argument=${argument#*=}
    elif ! [[ $filters && $before == "$filters" ]]; then
        [[ $has_filter && $argument != --* && $valued != *" $before "* ]] || return
    fi
    _godwit_filter "$1"
}
