# Completion of filters, which the program itself knows, or the server.
function __godwit_filter
    set -l typed (commandline -opc)
    set -l part (commandline -ct | string trim --left --chars='\'"')
    set -l remote
    for i in (seq 2 (math (count $typed) - 1))
        if contains -- $typed[$i] --server --ca --org
            set -a remote $typed[$i]=$typed[(math $i + 1)]
        end
    end
    command $typed[1] devices $remote --complete="$part" </dev/null 2>/dev/null
end

