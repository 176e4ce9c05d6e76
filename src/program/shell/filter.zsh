# Completion of filters, which the program itself knows, or the server.
_godwit_filter() {
    local -a found shown remote
    local line i
    for ((i = 2; i + 1 < CURRENT; i++)); do
        case $words[i] in
        --server|--ca|--org) remote+=("$words[i]=${(Q)words[i+1]}") ;;
        esac
    done
    for line in ${(f)"$($_godwit_program devices $remote --complete="${(Q)PREFIX}" </dev/null 2>/dev/null)"}; do
        found+=("${line%%$'\t'*}")
        shown+=("${line/$'\t'/  }")
    done
    compadd -S '' -l -d shown -a found
}

