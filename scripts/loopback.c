/*
 * Loaded into Bochs with LD_PRELOAD: the display that Debian builds in is a VNC server, which would
 * listen on every interface at a fixed port. Here it gets a free port of the loopback interface, so
 * that nothing is reachable from outside and several Bochs can run at once.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netinet/in.h>
#include <sys/socket.h>

int bind(int fd, const struct sockaddr *address, socklen_t length)
{
	static int (*next)(int, const struct sockaddr *, socklen_t);
	struct sockaddr_in loopback = { .sin_family = AF_INET,
					.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	if (!next)
		*(void **)&next = dlsym(RTLD_NEXT, "bind");
	if (address->sa_family == AF_INET)
		return next(fd, (struct sockaddr *)&loopback, sizeof(loopback));
	return next(fd, address, length);
}
