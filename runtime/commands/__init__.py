"""The commands of `dyadic` that need an artifact and no compiler, each written once: numpy and the runtime are enough.

declared.py   what a command is: its arguments, options, and the function that does it
line.py       the command line where nothing but numpy is installed; `compiler/cli/` has click read the same commands
ending.py     how every command ends: one sentence, an exit code
above.py      what only the compiler can do, where it is installed
"""
