// Attaches a BPF program that does nothing to one place of a file, by a uprobe_multi link, until its standard
// input ends: the least that a trap can cost.
#include <errno.h>
#include <linux/bpf.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "timing.h"

/* BPF_TRACE_UPROBE_MULTI, from Linux 6.6 on. */
#define ATTACH_UPROBE_MULTI 48

static int bpf(int command, void *attributes, unsigned int bytes)
{
	return (int)syscall(SYS_bpf, command, attributes, bytes);
}

static int load(void)
{
	const struct bpf_insn program[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	union bpf_attr attributes;

	memset(&attributes, 0, sizeof(attributes));
	attributes.prog_type = BPF_PROG_TYPE_KPROBE;
	attributes.insns = (uint64_t)program;
	attributes.insn_cnt = 2;
	attributes.license = (uint64_t) "GPL";
	attributes.expected_attach_type = ATTACH_UPROBE_MULTI;
	return bpf(BPF_PROG_LOAD, &attributes, sizeof(attributes));
}

int main(int argc, char **argv)
{
	/* As `link_create` and its `uprobe_multi` stand in the kernel's union bpf_attr. */
	struct {
		uint32_t program, target, attach_type, flags;
		uint64_t path, offsets, semaphores, cookies;
		uint32_t count, probe_flags, process, reserved;
	} link;
	uint64_t offset, semaphore;
	char byte;

	if (argc != 5)
		fail("usage: empty-uprobe FILE OFFSET SEMAPHORE-OFFSET PID");
	offset = strtoull(argv[2], NULL, 0);
	semaphore = strtoull(argv[3], NULL, 0);
	memset(&link, 0, sizeof(link));
	link.program = (uint32_t)load();
	if ((int)link.program < 0)
		fail(strerror(errno));
	link.attach_type = ATTACH_UPROBE_MULTI;
	link.path = (uint64_t)argv[1];
	link.offsets = (uint64_t)&offset;
	link.semaphores = (uint64_t)&semaphore;
	link.count = 1;
	link.process = (uint32_t)strtoul(argv[4], NULL, 10);
	if (bpf(BPF_LINK_CREATE, &link, sizeof(link)) < 0)
		fail(strerror(errno));
	while (read(0, &byte, 1) > 0)
		;
	return 0;
}
