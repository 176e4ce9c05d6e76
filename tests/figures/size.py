#!/usr/bin/env python3
"""What the agent costs on a 32-bit RISC-V chip: base + formats + agent, -Os, without crypto, TLS,
HTTP client and C library.

text        code and constants that agent.h reaches, optimised as one program (-flto)
text_plain  the same, compiled file by file
ram         struct godwit_agent and all static data
stack       computed: the deepest path of the call graph with the compiler's own frame sizes, of
            both builds the larger; calls through pointers go where TARGETS says, and in the
            program as one, where functions have merged, to the image parser from anywhere"""
import pathlib
import re
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "device"))
import device_build  # noqa: E402

TEXT_MAX, RAM_MAX, STACK_MAX = 20480, 6144, 2048
# Who calls through a pointer, and what of ours stands behind it. PORT: flash, net, system and log
# back end, whose stack is the port's own.
PORT = []
IMAGE = ["image_write", "image_finish"]
STATES = ["godwit_state_boot", "state_idle", "godwit_state_checkin", "godwit_state_fetch",
          "godwit_state_verify", "godwit_state_switch", "godwit_state_trial",
          "godwit_state_rollback", "state_report"]
TARGETS = {
    "godwit_agent_step": STATES,
    "godwit_image_read_back": IMAGE,
    "godwit_state_fetch": IMAGE,
    "flush": IMAGE,
    "check_first_bytes": IMAGE,
    "parse": PORT,  # the parser is the end of the agent's chain
    "image_write": PORT,
    "image_finish": PORT,
}


def base_name(title):
    """godwit_x for "file.c:godwit_x.isra.0"."""
    return title.split(":")[-1].split(".")[0]


def read_graph(folder):
    """title → frame bytes, title → titles called."""
    frames, calls = {}, {}
    for path in pathlib.Path(folder).glob("*.ci"):
        text = path.read_text()
        for title, label in re.findall(r'node: \{ title: "([^"]+)" label: "([^"]*)"', text):
            size = re.search(r"(\d+) bytes \((\w+)\)", label)
            if size:
                if size[2] not in ("static", "dynamic,bounded"):
                    raise SystemExit(f"{title}: its stack has no bound ({size[2]})")
                frames[title] = int(size[1])
        for source, target in re.findall(r'sourcename: "([^"]+)" targetname: "([^"]+)"', text):
            calls.setdefault(source, set()).add(target)
    return frames, calls


def resolve(frames, calls, default):
    """Indirect calls replaced by what TARGETS says, else by `default`."""
    by_name = {}
    for title in frames:
        by_name.setdefault(base_name(title), []).append(title)
    graph = {}
    for source, targets in calls.items():
        resolved = {t for t in targets if t in frames}
        if "__indirect_call" in targets:
            for name in TARGETS.get(base_name(source), default):
                resolved |= set(by_name.get(name, []))
        graph[source] = resolved
    return graph, by_name


def deepest(title, frames, graph, is_exact, path=()):
    if title in path and is_exact:
        raise SystemExit(f"recursion: {' → '.join(path + (title,))}")
    if title in path:
        return 0, []  # made by guessing where pointers go; the exact graph has no circle
    best = (0, [])
    for target in graph.get(title, ()):
        best = max(best, deepest(target, frames, graph, is_exact, path + (title,)),
                   key=lambda r: r[0])
    return frames[title] + best[0], [title] + best[1]


def agent_size(folder):
    source = pathlib.Path(folder, "sizeof.c")
    source.write_text('#include "agent/internal.h"\nchar agent[sizeof(struct godwit_agent)];\n')
    obj = source.with_suffix(".o")
    device_build.tool("gcc", *device_build.TARGET, "-std=gnu17", "--specs=picolibc.specs", "-Isrc",
                      "-Iinclude", "-c", source, "-o", obj)
    return device_build.section_sizes(obj)["bss"]


def linked(folder, how):
    objects = device_build.compile_all(folder, how)
    return device_build.section_sizes(device_build.link(folder, objects, how))


def text_size(sizes):
    return sum(sizes.get(name, 0) for name in ("text", "rodata", "srodata"))


def deepest_of(folder, default):
    """Bytes of stack, and the path that needs them."""
    frames, calls = read_graph(folder)
    graph, by_name = resolve(frames, calls, default)
    return max((deepest(title, frames, graph, default is PORT) for name in device_build.ENTRIES
                for title in by_name[name]), key=lambda r: r[0]), frames


def measure(how, default):
    """Section sizes, deepest path with its frames, and sizeof(struct godwit_agent)."""
    with tempfile.TemporaryDirectory() as folder:
        sizes = linked(folder, how)
        deep, frames = deepest_of(folder, default)
        return sizes, deep, frames, agent_size(folder)


def main():
    if not device_build.has_compiler():
        print("needs riscv64-unknown-elf-gcc (Debian: gcc-riscv64-unknown-elf)")
        return 1
    plain, plain_deep, plain_frames, agent = measure(device_build.PLAIN, PORT)
    whole, whole_deep, whole_frames, _ = measure(device_build.LTO, IMAGE)
    ram = agent + sum(plain.get(name, 0) for name in ("data", "sdata", "bss", "sbss"))
    for words, (_, path), frames in (("file by file", plain_deep, plain_frames),
                                     ("as one program", whole_deep, whole_frames)):
        print(f"deepest path, {words}:")
        for title in path:
            print(f"  {frames[title]:5}  {base_name(title)}")
    text, stack = text_size(whole), max(plain_deep[0], whole_deep[0])
    print(f"figure size text={text} ram={ram} stack={stack} text_plain={text_size(plain)}")
    return 0 if text <= TEXT_MAX and ram <= RAM_MAX and stack <= STACK_MAX else 1


if __name__ == "__main__":
    sys.exit(main())
