#!/bin/bash
# The commands on files, as a person types them: keygen, pack, sign, verify, inspect; what they
# answer, their exit status, and that a refusal is one line that leaves nothing behind.
set -u
godwit=${GODWIT:-build/godwit}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd_root=$PWD
case $godwit in /*) ;; *) godwit=$cd_root/$godwit ;; esac
cd "$folder" || exit 1
failed=0

# expect STATUS WORDS COMMAND…: the status, and WORDS somewhere in what was printed
expect() {
    local status=$1 words=$2 out got
    shift 2
    out=$("$godwit" "$@" 2>&1 </dev/null)
    got=$?
    if [ "$got" != "$status" ] || [[ $out != *"$words"* ]]; then
        printf 'FAILED godwit %s\n  status %s, wanted %s and "%s"; printed:\n%s\n' \
            "$*" "$got" "$status" "$words" "$out" >&2
        failed=$((failed + 1))
    fi
    if [ "$got" = 1 ] && [ "$1" != inspect ] && [ "$(wc -l <<<"$out")" != 1 ]; then
        printf 'FAILED godwit %s: a refusal is one line, not\n%s\n' "$*" "$out" >&2
        failed=$((failed + 1))
    fi
}

expect 0 "key digest" keygen --scheme ecdsa256 a.pem
expect 0 "key digest" keygen --scheme ecdsa384 b.pem
expect 0 "key digest" keygen c.pem
expect 1 "never overwritten" keygen a.pem
expect 1 "No such file or directory" keygen nowhere/a.pem
( # a disk that takes no byte: a limit on the size of files stands for it
    trap '' XFSZ
    ulimit -f 0
    exec "$godwit" keygen --scheme ecdsa256 full.pem 2>&1
) | grep -q "full.pem could not be written: File too large" || {
    echo "FAILED godwit keygen: the fault of the disk is not named" >&2
    failed=$((failed + 1))
}
expect 2 "no scheme 'dsa'" keygen --scheme dsa d.pem
expect 2 "usage" keygen
expect 0 "usage" keygen --help

expect 0 "" pack --chip esp32s3 --project kettle --version 2.0.0 --size 10000 app.bin
expect 0 "" pack --chip ESP32-S3 --project kettle --version 2.0.0 --size 10000 title.bin
cmp -s app.bin title.bin || {
    echo "FAILED godwit pack: ESP32-S3 is not esp32s3" >&2
    failed=$((failed + 1))
}
rm -f title.bin
expect 2 "no chip 'esp99'" pack --chip esp99 x.bin
expect 2 "no behaviour 'explode'" pack --behaviour explode x.bin
expect 2 "1 to 31 bytes" pack --version "" x.bin
for size in 99999999 16777217 671 10 0; do
    expect 2 "688 to 8323072 bytes" pack --size $size x.bin
done
for name in ../x a/b; do expect 2 "holds a slash" pack --project "$name" x.bin; done
expect 2 "1 to 31 bytes" pack --project "" x.bin
expect 2 "longer than 31 bytes" pack --project "$(printf 'a%.0s' {1..32})" x.bin
for name in "a b" a?b "a%b" "Gerät-Küche"; do
    expect 0 "" pack --project "$name" x.bin
    expect 0 "$name" inspect x.bin
done
expect 0 "" pack --size 688 x.bin
rm -f x.bin

expect 0 "Sound: an application image, unsigned" inspect app.bin
expect 1 "carries no signature" verify --key a.pem app.bin
expect 0 "block 1 of" sign --key a.pem app.bin signed.bin
expect 1 "already carries a signature by this key" sign --key a.pem signed.bin more.bin
expect 0 "block 2 of" sign --key b.pem signed.bin signed.bin
expect 0 "block 3 of" sign --key c.pem signed.bin signed.bin
expect 1 "already carries a signature by this key" sign --key b.pem signed.bin more.bin
expect 0 "Sound: a signed application image" inspect signed.bin
for key in a b c; do expect 0 "good: signed.bin" verify --key $key.pem signed.bin; done
expect 0 "key digest" keygen --scheme ecdsa256 other.pem
expect 1 "three signatures already" sign --key other.pem signed.bin more.bin
expect 1 "not by key" verify --key other.pem signed.bin
expect 1 "no such file" verify --key nowhere.pem signed.bin
expect 1 "not an unencrypted PEM key" verify --key app.bin signed.bin
expect 1 "No such file" verify --key a.pem nowhere.bin
expect 2 "--key is missing" sign app.bin x.bin
for server in http://x x; do
    expect 2 "--server '$server': the address must begin with https://" \
        device --flash x.bin --server $server
done
expect 2 "--server https://HOST:PORT is missing" device --flash x.bin
expect 1 "must begin with https://" status --server http://x
expect 2 "something is missing" sign --key a.pem app.bin
expect 1 "a key or certificate (PEM), not an image" sign --key a.pem a.pem x.bin
openssl pkey -in a.pem -pubout -out public.pem
expect 0 "good" verify --key public.pem signed.bin
expect 1 "takes the private one" sign --key public.pem app.bin x.bin

cp signed.bin cut.bin # one byte of the body flipped: three blocks of other bytes
printf '\xA5\x5A' | dd of=cut.bin bs=1 seek=5000 conv=notrunc status=none
for key in a b c; do expect 1 "made for other bytes" verify --key $key.pem cut.bin; done
expect 1 "Not sound: 5 problems" inspect cut.bin
cp signed.bin cut.bin # and in the first signature only: the other two stay good
printf '\xA5\x5A' | dd of=cut.bin bs=1 seek=$((12288 + 110)) conv=notrunc status=none
expect 1 "signature sector is damaged" verify --key a.pem cut.bin
expect 0 "good: cut.bin, block 2" verify --key b.pem cut.bin
expect 1 "Not sound: 1 problem." inspect cut.bin

# a policy: made before signing, shown in words, each unsound wish refused by its own sentence
expect 0 "no policy; placeholder at 0x120" inspect app.bin
expect 0 "no policy; placeholder at 0x120" policy app.bin
expect 0 "release counter 3, 1 of 2 image keys" policy app.bin --counter 3 --key a.pem \
    --key "$("$godwit" keygen d.pem | sed -n 's/.*digest *//p')" --deploy-key public.pem \
    --hardware 0,2,5 --rollback-floor 2 --allow-lan-push --out filled.bin
for words in "product kettle" "release counter 3, rollback floor 2" "any 1 of these 2 keys" \
    "board revisions: 0,2,5" "deploy key " \
    "images may be pushed over the local network (allow-lan-push)"; do
    expect 0 "$words" policy filled.bin
    expect 0 "$words" inspect filled.bin
done
expect 0 "put into filled.bin" policy filled.bin --counter 4 --key a.pem --key b.pem --threshold 2 \
    --no-deploy-key
expect 0 "by all 2 of these keys" policy filled.bin
expect 0 "block 1 of" sign --key b.pem filled.bin filled.bin
expect 0 ", signed this file" inspect filled.bin
expect 0 "block 2 of" sign --key c.pem filled.bin filled.bin
expect 0 "not listed: " inspect filled.bin
expect 1 "a policy is made before signing" policy filled.bin --counter 5 --key a.pem
expect 1 "no image key" policy app.bin --counter 1
expect 1 "begin with 1" policy app.bin --counter 0 --key a.pem
expect 1 "name each key once" policy app.bin --counter 1 --key a.pem --key public.pem
expect 1 "name each key once" policy app.bin --counter 1 --key a.pem --deploy-key a.pem \
    --deploy-key public.pem
expect 1 "more signers than the 1 key" policy app.bin --counter 1 --key a.pem --threshold 2
expect 1 "would trust anybody" policy app.bin --counter 1 --key a.pem --threshold 0
expect 1 "could never be met" policy app.bin --counter 1 --key a.pem --key b.pem --key c.pem \
    --key other.pem --threshold 4
expect 1 "at most 5 image keys" policy app.bin --counter 1 --key a.pem --key b.pem --key c.pem \
    --key d.pem --key other.pem --key "$(printf 'ab%.0s' {1..32})"
expect 1 "lower the rollback floor" policy app.bin --counter 1 --key a.pem --rollback-floor 2
expect 1 "a deploy key is of ECDSA P-256" policy app.bin --counter 1 --key a.pem --deploy-key b.pem
expect 0 "key digest" keygen --scheme ecdsa256 e.pem
expect 1 "at most 2 deploy keys" policy app.bin --counter 1 --key a.pem --deploy-key a.pem \
    --deploy-key other.pem --deploy-key e.pem
expect 1 "leave --product out" policy app.bin --counter 1 --key a.pem --product teapot
expect 1 "nobody could sign one; give --deploy-key" policy app.bin --counter 1 --key a.pem \
    --require-instruction
expect 1 "take instructions unsigned from then on" policy app.bin --counter 1 --key a.pem
expect 1 "leave one of the two out" policy app.bin --counter 1 --key a.pem --deploy-key e.pem \
    --no-deploy-key
expect 1 "a digest has 64 hex digits" policy app.bin --counter 1 --key 8edf4975
expect 1 "a digest has 64 hex digits" policy app.bin --counter 1 --key 8edf4975ab12cd34…
expect 1 "names nothing that is listed" policy app.bin --counter 1 --key a.pem --drop b.pem
for number in 4294967295 -1 x 1.5 ""; do
    expect 2 "--counter is a number from 0 to 4294967294, not '$number'" policy app.bin \
        --counter "$number" --key a.pem
done
expect 2 "a policy begins with one" policy app.bin --counter 1 --from-initial x --from-image x
for list in 32 0,, 1, x 0-2 ""; do
    expect 1 "board revisions from 0 to 31" policy app.bin --counter 1 --key a.pem \
        --hardware "$list"
done
expect 1 "no such file" policy app.bin --counter 1 --key nowhere.pem
expect 1 "is no initial policy" policy app.bin --counter 1 --from-initial a.pem
expect 1 "not an application image" policy a.pem
expect 1 "not an application image" policy a.pem --counter 1 --key a.pem
expect 1 "No such file" policy nowhere.bin
expect 2 "--counter is missing" policy app.bin --key a.pem
expect 0 "no policy; placeholder" policy app.bin # untouched by all of these

head -c 9000 app.bin >cut.bin
expect 1 "ends before the image does" inspect cut.bin
expect 1 "ends before the image does" sign --key a.pem cut.bin x.bin
: >empty.bin
expect 1 "an empty file" inspect empty.bin
expect 1 "an ELF file" inspect "$godwit"
expect 1 "No such file" inspect nowhere.bin
for row in "empty.bin:an empty file" "a.pem:a key or certificate" "app.bin:an ESP32 application"; do
    expect 1 "is no dump of a flash: ${row#*:}" flash "${row%%:*}"
    expect 1 "esptool read-flash" flash "${row%%:*}" --json
done
"$godwit" inspect - --json <signed.bin | python3 -c '
import json, sys
said = json.load(sys.stdin)
assert said["chip"] == "esp32s3" and said["project"] == "kettle" and said["version"] == "2.0.0"
assert [block["good"] for block in said["signatures"]] == [True] * 3 and not said["problems"]
' || failed=$((failed + 1))
if "$godwit" inspect signed.bin >/dev/full 2>/dev/null; then
    echo "FAILED: an output that could not be written went unnoticed" >&2
    failed=$((failed + 1))
fi

left=$(ls)
wanted="a.pem app.bin b.pem c.pem cut.bin d.pem e.pem empty.bin filled.bin"
wanted="$wanted other.pem public.pem signed.bin"
if [ "$(echo $left)" != "$wanted" ]; then
    echo "FAILED: files left behind: $left" >&2
    failed=$((failed + 1))
fi
[ "$failed" = 0 ] && echo "the commands on files answer as they should"
exit "$((failed > 0))"
