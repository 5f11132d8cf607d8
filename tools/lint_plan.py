#!/usr/bin/env python3
"""Writes to build/lint what tools/lint.sh runs clang-tidy by: one step of ninja for each .cpp that git tracks.

Ninja repeats a step when the file, a header that it includes, its flags or .clang-tidy changed, and at no other time. A
file that nothing says how to compile ends the run: to leave it out in silence would say that nothing is wrong with it."""
import json
import pathlib
import shlex
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
OUT = ROOT / "build/lint"
SDK = ROOT / "sdk/cryptlet/cpp"
RULE = """\
ninja_required_version = 1.5
rule tidy
  command = clang++-19 @$out.flags -M -MF $out.d -MT $out $in && $
    { clang-tidy-19 -p . --quiet $in 2> $out.log || { cat $out.log; false; }; } && touch $out
  rspfile = $out.flags
  rspfile_content = $flags
  depfile = $out.d
  deps = gcc
  description = clang-tidy $out
"""


def native_flags():
    """File -> flags, as clang compiles the programs, the tests and the fuzz targets."""
    found = {}
    for entry in json.loads((ROOT / "build/asan/compile_commands.json").read_text()):
        flags = shlex.split(entry["command"])[1:]
        output = flags.index("-o")
        del flags[output:output + 2]
        found[entry["file"]] = [flag for flag in flags if flag not in ("-c", entry["file"])]
    return found


def contract_flags():
    """The flags of a contract's logic, which is compiled to WebAssembly; what they say to the linker is of no use here."""
    flags = (SDK / "flags.txt").read_text().split()
    return [flag for flag in flags if not flag.startswith(("-Wl,", "-mexec-model="))] + [f"-I{SDK}/include"]


def flags_of_tracked():
    native = native_flags()
    listed = subprocess.run(["git", "ls-files", "*.cpp"], cwd=ROOT, check=True, capture_output=True, text=True)
    found, unknown = {}, []
    for name in listed.stdout.split():
        file = ROOT / name
        if str(file) in native:
            found[name] = native[str(file)]
        elif file.name == "logic.cpp" or SDK in file.parents:
            found[name] = contract_flags()
        else:
            unknown.append(name)
    if unknown:
        sys.exit("no target compiles " + ", ".join(unknown))
    return found


def main():
    files = flags_of_tracked()
    OUT.mkdir(exist_ok=True)
    (OUT / "compile_commands.json").write_text(json.dumps([
        {"directory": str(OUT), "file": str(ROOT / name), "arguments": ["clang++-19", *flags, "-c", str(ROOT / name)]}
        for name, flags in files.items()]))
    steps = [f"build {name}: tidy {ROOT}/{name} | {ROOT}/.clang-tidy\n  flags = {shlex.join(flags).replace('$', '$$')}\n"
             for name, flags in files.items()]
    (OUT / "build.ninja").write_text(RULE + "".join(steps))


main()
