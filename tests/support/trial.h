/* Power is lost 0 to 10 times while the new image is on trial, at several moments of it, and in
 * every way at each flash operation of confirming; told from every start, by both bootloaders, with
 * each write unit.
 *
 *   cycles   up to eight losses the new image stays and is fetched once; the ninth ends it: flown
 *            back, cause named, and the same file is refused from then on
 *   confirm  once the journal says confirmed, the image runs VALID after at most one more reboot,
 * with a server that does not answer; when it answers again it hears of it
 *
 * The choices: start . bootloader . write unit . 0 . losses . moment . causes
 *              start . bootloader . write unit . 1 . operation . kind . seed . cause */
#pragma once

#include "exhaust.h"

struct trial {
    uint32_t seen, cases;      /* combinations of choices; those that were told */
    uint32_t kept, kept_cases; /* with up to five losses */
    uint32_t lost_at;          /* the fewest losses that cost the new image */
    uint32_t confirms, confirms_kept, reboots_max;
    double downloaded_max; /* files of it, where it was kept */
};
extern struct trial trial;

/* One case, or every so manieth; false where it did not end as it should. In front: scenario_open.
 */
bool trial_play(struct exhaust *e, uint32_t every);
