"""The test bed: several real hosts with real virtual machines on one machine.

A host is a network, mount, UTS and PID namespace with its own libvirtd and its own agentd. All
hosts live inside one outer enclosure (enclosure.py) that takes everything down however it ends.

    enclosure       runs a command where nothing it starts can be left behind
    network         the switch between the hosts: links, cuts in one direction or both
    host            one host: power, daemons, commands; host_init is its first process
    site            hosts + keys + configuration + agents: what tests and the quickstart use
    guest           what is inside a virtual machine; machines started by hand
    image           the mini image with other programs in it
    thesis          the machines that the thesis' manifests expect
    virtualization  whether a guest really boots under KVM here
    waiting         wait for a condition with a deadline; never sleep and hope

Standard library only, Debian's /usr/bin/python3: the quickstart runs it on a bare machine.
"""
