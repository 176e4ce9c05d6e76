/* The smallest ESP32-C3 program that can be updated over the air: no SDK, one file, and yet an
 * image that esptool packs and ESP-IDF's bootloader starts. It greets on UART0 and then does what
 * its behaviour block says, so that good and bad releases can be made from one source. The tests
 * build, pack and install it on emulated devices; it has not been run on silicon yet.
 *
 * What an update service needs to know stands in front of everything else, in this order:
 *   file offset 0x020  application descriptor (ESP-IDF's esp_app_desc_t, 256 bytes)
 *   file offset 0x120  policy block P1 (328 bytes; zero here: the placeholder for `godwit policy`)
 *   file offset 0x268  behaviour block (16 bytes; of test images only)
 * The sections of the first two bear the names that ESP-IDF's linker script has for them. */
#include <stdint.h>

#ifndef VERSION
#define VERSION "1.0.0"
#endif
#ifndef BEHAVIOUR /* 0 healthy, 1 crash at boot, 2 hang, 3 no network, 4 crash after confirming */
#define BEHAVIOUR 0
#endif
#ifndef DELAY_S
#define DELAY_S 0
#endif

struct app_description {
    uint32_t magic, secure_version, reserved1[2];
    char version[32], project[32], time[16], date[16], idf_version[32];
    uint8_t elf_sha256[32]; /* esptool fills it */
    uint16_t block_revision_min, block_revision_max;
    uint8_t mmu_page_log2, reserved2[75];
};
_Static_assert(sizeof(struct app_description) == 256, "as ESP-IDF has it");

struct behaviour {
    char magic[4];
    uint8_t kind, zero[3];
    uint32_t delay_s, zero2;
};

/* Volatile: what stands there is decided after the compiler has seen it. */
__attribute__((used, section(".rodata_desc")))
const volatile struct app_description app_description = {
    .magic = 0xABCD5432,
    .version = VERSION,
    .project = "minimal",
    .idf_version = "none",
    .block_revision_max = 99,
    .mmu_page_log2 = 16,
};

__attribute__((used, section(".rodata_custom_desc"))) const volatile uint8_t godwit_policy[328];

__attribute__((used, section(".behaviour"))) const volatile struct behaviour behaviour = {
    .magic = {'G', 'W', 'B', '1'},
    .kind = BEHAVIOUR,
    .delay_s = DELAY_S,
};

#define UART0_FIFO (*(volatile uint32_t *)0x60000000)
#define SYSTIMER_OP (*(volatile uint32_t *)0x60023004)
#define SYSTIMER_LOW (*(volatile uint32_t *)0x60023044)

static void print(const char *text)
{
    while (*text)
        UART0_FIFO = (uint8_t)*text++;
}

/* The system timer runs at 16 MHz; its low half wraps after four minutes, more than a test waits.
 */
static void wait_seconds(uint32_t seconds)
{
    SYSTIMER_OP = 1u << 30;
    uint32_t start = SYSTIMER_LOW;
    do
        SYSTIMER_OP = 1u << 30;
    while (SYSTIMER_LOW - start < seconds * 16000000u);
}

__attribute__((noreturn, used)) static void run(void)
{
    print("minimal " VERSION "\n");
    uint8_t kind = behaviour.kind;
    if (kind == 1 || kind == 4) {
        wait_seconds(behaviour.delay_s);
        __builtin_trap();
    }
    for (;;) /* healthy and silent; as a hang, the watchdog ends it */
        ;
}

__attribute__((naked, noreturn, section(".start"))) void start(void)
{
    __asm__ volatile("la sp, stack_top\n"
                     "j run\n");
}
