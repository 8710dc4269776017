/* SPDX-License-Identifier: Apache-2.0 */
/* Looks through /proc/.../mountinfo for file systems that may hang, since another party serves them. */
#define _GNU_SOURCE
#include "fibril_calls.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool may_hang(const char *type)
{
	static const char *const served[] = {"fuse",	 "fuseblk",  "nfs",    "nfs4",	"cifs",	 "smb3", "9p",	  "ceph",
					     "afs",	 "virtiofs", "lustre", "beegfs", "gfs2", "ocfs2", "coda", "orangefs",
					     "vboxsf"};
	size_t length = strcspn(type, " ");

	if (!strncmp(type, "fuse.", 5))
		return true;
	for (size_t i = 0; i < sizeof served / sizeof *served; i++) {
		if (strlen(served[i]) == length && !strncmp(type, served[i], length))
			return true;
	}
	return false;
}

/*
 * A name that leads through an autofs waits for the daemon that mounts what is behind. The one that systemd
 * has on every machine leads nowhere else.
 */
static bool is_automount(const char *line, const char *type)
{
	return !strncmp(type, "autofs ", 7) && !strstr(line, " /proc/sys/fs/binfmt_misc ");
}

bool fibril_mounts_may_hang(int descriptor)
{
	int copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
	FILE *mounts = copy >= 0 ? fdopen(copy, "r") : NULL;
	char *line = NULL;
	size_t room = 0;
	bool found = false;

	if (!mounts) {
		if (copy >= 0)
			close(copy);
		return true; /* no telling */
	}
	rewind(mounts);
	/* "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw": blanks in names are written \040. */
	while (!found && getline(&line, &room, mounts) > 0) {
		const char *separator = strstr(line, " - ");
		found = separator && (may_hang(separator + 3) || is_automount(line, separator + 3));
	}
	free(line);
	fclose(mounts);
	return found;
}

bool fibril_mounts_have_changed(int descriptor)
{
	struct pollfd mounts = {.fd = descriptor, .events = POLLPRI};

	return poll(&mounts, 1, 0) != 0;
}
