# SPDX-License-Identifier: Apache-2.0
"""Makes the zip of the starter function anew and writes it into lua/cdfworkflow/api/starter.lua."""
import io
import pathlib
import re
import zipfile

STARTER = pathlib.Path(__file__).parents[2] / "lua" / "cdfworkflow" / "starter.lua"


def zipped(handler):
    stream = io.BytesIO()
    entry = zipfile.ZipInfo("handler.py", date_time=(2026, 1, 1, 0, 0, 0))
    entry.external_attr = 0o644 << 16
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(entry, handler)
    return stream.getvalue()


def lua_string(octets):
    """The octets as a Lua string of decimal escapes, in lines of at most 120 characters."""
    escapes = ["\\%03d" % octet for octet in octets]
    lines = ["".join(escapes[i:i + 25]) for i in range(0, len(escapes), 25)]
    return '""' if not lines else "\n  .. ".join('"%s"' % line for line in lines)


def main():
    text = STARTER.read_text(encoding="utf-8")
    handler = re.search(r"\[==\[\n(.*?)\]==\]", text, re.DOTALL).group(1).encode()
    before, after = zipped(handler).split(handler)
    made = "begin\nlocal BEFORE = {}\nlocal AFTER = {}\n-- starter_zip.py end".format(
        lua_string(before), lua_string(after))
    STARTER.write_text(
        re.sub(r"begin\nlocal BEFORE.*?-- starter_zip\.py end", lambda _: made, text, flags=re.DOTALL),
        encoding="utf-8")


if __name__ == "__main__":
    main()
