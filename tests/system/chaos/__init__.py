"""Real chaos: agents, guards, libvirtds and hypervisors under random faults, with a checker outside.

    tests/run chaos --faults N --seed S

schedule.py  which faults, from the seed alone
ground.py    the site, with a clock of its own for every host, and how each fault is done and healed
watch.py     a process that looks at all hypervisors every few milliseconds
history.py   what it saw, judged: copies, pauses, replacements, violations; pure
writer.py    writes going on, and whether those that were acknowledged are there in the end
run.py       all of it together
report.py    the figures, as JSON and for people

Nothing here asks an agent whether all is well, except to know when the site says it has converged.
"""
