/* cproxy is the floor: a static C program that connects, forwards and copies.
 * It checks next to nothing, and asks by HTTP/1.0 so as to get no chunks.
 * The app's host:port, an IPv4 address, is in UPSTREAM. */
#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

static char buf[65536];
static size_t used;

static void add(const char *s) {
	size_t n = strlen(s);
	if (used + n > sizeof buf) exit(1);
	memcpy(buf + used, s, n);
	used += n;
}

static void write_all(int fd, const char *p, size_t n) {
	while (n > 0) {
		ssize_t w = write(fd, p, n);
		if (w <= 0) exit(1);
		p += w;
		n -= w;
	}
}

/* add_field adds "NAME_X=value" as "NAME-X: value". */
static void add_field(const char *var) {
	for (; *var != '='; var++) {
		char c[2] = {*var == '_' ? '-' : *var, 0};
		add(c);
	}
	add(": ");
	add(var + 1);
	add("\r\n");
}

static int dial(const char *upstream) {
	struct sockaddr_in to = {.sin_family = AF_INET};
	char host[64];
	const char *colon = strrchr(upstream, ':');
	snprintf(host, sizeof host, "%.*s", (int)(colon - upstream), upstream);
	to.sin_port = htons(atoi(colon + 1));
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	if (inet_pton(AF_INET, host, &to.sin_addr) != 1 || connect(fd, (void *)&to, sizeof to) != 0) {
		perror(upstream);
		exit(1);
	}
	return fd;
}

static void send_request(int app) {
	add(getenv("REQUEST_METHOD"));
	add(" ");
	add(getenv("REQUEST_URI"));
	add(" HTTP/1.0\r\n");
	for (char **e = environ; *e; e++) {
		if (strncmp(*e, "HTTP_", 5) == 0 && strncmp(*e, "HTTP_CONNECTION=", 16) != 0)
			add_field(*e + 5);
		else if (strncmp(*e, "CONTENT_", 8) == 0 && strchr(*e, '=')[1])
			add_field(*e);
	}
	add("X-Forwarded-For: ");
	add(getenv("REMOTE_ADDR"));
	add("\r\n\r\n");
	write_all(app, buf, used);

	const char *length = getenv("CONTENT_LENGTH");
	for (long long left = length ? atoll(length) : 0; left > 0;) {
		ssize_t n = read(0, buf, left < (long long)sizeof buf ? left : (long long)sizeof buf);
		if (n <= 0) exit(1);
		write_all(app, buf, n);
		left -= n;
	}
}

/* copy_response writes "Status:" over the end of "HTTP/1.1"; the rest stays. */
static void copy_response(int app) {
	ssize_t n;
	for (used = 0; used < sizeof buf && !memchr(buf, ' ', used); used += n)
		if ((n = read(app, buf + used, sizeof buf - used)) <= 0) exit(1);
	char *status = memchr(buf, ' ', used);
	if (!status || status - buf < 7) exit(1);
	memcpy(status - 7, "Status:", 7);
	write_all(1, status - 7, buf + used - (status - 7));
	while ((n = read(app, buf, sizeof buf)) > 0) write_all(1, buf, n);
	if (n < 0) exit(1);
}

int main(void) {
	int app = dial(getenv("UPSTREAM"));
	send_request(app);
	copy_response(app);
	return 0;
}
