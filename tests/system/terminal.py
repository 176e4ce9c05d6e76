"""A program on a terminal of a given size, and what a person sees there: as much of a terminal as
our programs ask for, and a complaint about anything else."""

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import threading
import unicodedata

TOKEN = re.compile(r"\x1b\[([0-9;]*)([A-Za-z])|[^\x1b]")


def width_of(character):
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


class Screen:
    """What has scrolled away stays to be looked at, and is out of the cursor's reach. Wide
    characters are not placed rightly, but counted."""

    def __init__(self, columns, rows):
        self.columns, self.rows = columns, rows
        self.lines, self.row, self.column = [""], 0, 0
        self.colours = set()

    def feed(self, text):
        text = text.replace("\r\n", "\n")
        while match := TOKEN.match(text):
            text = text[match.end():]
            if match[2]:
                self.obey(match[1], match[2])
            else:
                self.put(match[0])
        return text

    def obey(self, number, letter):
        if letter == "m":
            self.colours.add(number)
        elif letter == "A":
            self.row = max(self.row - int(number), self.top())
        elif letter == "K":
            self.lines[self.row] = self.lines[self.row][:self.column]
        elif letter == "J":
            self.lines[self.row] = self.lines[self.row][:self.column]
            del self.lines[self.row + 1:]
        elif letter == "H" and not number:
            self.row, self.column = self.top(), 0
        else:
            raise AssertionError(f"a terminal was told {number}{letter}")

    def top(self):
        return max(0, len(self.lines) - self.rows)

    def put(self, character):
        if character == "\r":
            self.column = 0
        elif character == "\n":
            self.row, self.column = self.row + 1, 0
            if self.row == len(self.lines):
                self.lines.append("")
        else:
            if sum(map(width_of, self.lines[self.row][:self.column] + character)) > self.columns:
                self.put("\n")
            line = self.lines[self.row]
            self.lines[self.row] = line[:self.column] + character + line[self.column + 1:]
            self.column += 1


class Terminal:
    def __init__(self, words, columns=80, rows=24, **options):
        self.master, slave = pty.openpty()
        self.screen, self.raw, self.fault = Screen(columns, rows), "", None
        self.resize(columns, rows)
        self.process = subprocess.Popen(words, stdin=slave, stdout=slave, stderr=slave,
                                        start_new_session=True,
                                        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
                                        **options)
        os.close(slave)
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def resize(self, columns, rows):
        self.screen.columns, self.screen.rows = columns, rows
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read(self):
        rest = b""
        left = ""
        while True:
            try:
                data = os.read(self.master, 65536)
            except OSError:
                return
            if not data:
                return
            rest += data
            text = rest.decode(errors="ignore")
            rest = rest[len(text.encode()):]
            self.raw += text
            try:
                left = self.screen.feed(left + text) if not self.fault else ""
            except AssertionError as fault:
                self.fault = fault

    def text(self):
        if self.fault:
            raise self.fault
        return "\n".join(self.screen.lines)

    def press_ctrl_c(self):
        os.write(self.master, b"\x03")

    def wait(self, seconds):
        """The exit status, once all that it wrote is on the screen."""
        try:
            status = self.process.wait(seconds)
        finally:
            if self.process.poll() is None:
                self.process.send_signal(signal.SIGKILL)
                self.process.wait()
            self.reader.join()
            os.close(self.master)
        return status
