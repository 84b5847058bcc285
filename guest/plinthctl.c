/*
 * plinthctl: a look at plinth from inside its guest. It asks through the interface of
 * hv/hypercall.h, which user mode may use, and needs no driver and no privilege. On a machine
 * without plinth it says so: a hypercall is made only after CPUID has shown plinth's signature.
 */
#include <cpuid.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "hv/hypercall.h"

#define MAX_REASONS 1024 /* more than any processor defines */
#define NAME_LENGTH 24
#define SIGNATURE   12

struct call {
	int64_t rax;
	uint64_t rbx, rcx, rdx, rsi, rdi;
};

struct reason {
	char name[NAME_LENGTH + 1];
	uint64_t *counts; /* one for each core */
	uint64_t total;
};

static bool amd;

/* True when plinth is below: PLINTH_CPUID_BASE carries its signature. */
static bool plinth_present(void)
{
	uint32_t eax, regs[3];
	char vendor[SIGNATURE];

	__cpuid(0, eax, regs[0], regs[2], regs[1]); /* the vendor's order is EBX, EDX, ECX */
	memcpy(vendor, regs, SIGNATURE);
	amd = memcmp(vendor, "AuthenticAMD", SIGNATURE) == 0 ||
	      memcmp(vendor, "HygonGenuine", SIGNATURE) == 0;
	__cpuid(PLINTH_CPUID_BASE, eax, regs[0], regs[1], regs[2]);
	return eax >= PLINTH_CPUID_VERSION && memcmp(regs, PLINTH_SIGNATURE, SIGNATURE) == 0;
}

/* One call; rbx and rcx are its arguments. */
static struct call hypercall(enum plinth_call number, uint64_t rbx, uint64_t rcx)
{
	struct call c = { .rax = (int64_t)PLINTH_CALL(number), .rbx = rbx, .rcx = rcx };

	if (amd)
		__asm__ volatile("vmmcall"
				 : "+a"(c.rax), "+b"(c.rbx), "+c"(c.rcx), "=d"(c.rdx), "=S"(c.rsi),
				   "=D"(c.rdi)
				 :
				 : "memory");
	else
		__asm__ volatile("vmcall"
				 : "+a"(c.rax), "+b"(c.rbx), "+c"(c.rcx), "=d"(c.rdx), "=S"(c.rsi),
				   "=D"(c.rdi)
				 :
				 : "memory");
	return c;
}

static void put_name(char name[static NAME_LENGTH + 1], uint64_t a, uint64_t b, uint64_t c)
{
	memcpy(name, &a, sizeof(a));
	memcpy(name + 8, &b, sizeof(b));
	memcpy(name + 16, &c, sizeof(c));
	name[NAME_LENGTH] = 0;
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_RAW, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint64_t rdtsc(void)
{
	return __builtin_ia32_rdtsc();
}

/*
 * The TSC's frequency in Hz, measured against the kernel's clock over 50 ms. CPUID leaf 0x15 is not
 * used: emulators and some machines state a frequency there that their clock does not have.
 */
static double tsc_frequency(void)
{
	double start = seconds(), end;
	uint64_t ticks = rdtsc();

	do
		end = seconds();
	while (end - start < 0.05);
	return (double)(rdtsc() - ticks) / (end - start);
}

static void print_uptime(uint64_t ticks)
{
	double hz = tsc_frequency(), uptime = (double)ticks / hz;

	printf("uptime: %.1f s (TSC at %.1f MHz, measured)\n", uptime, hz / 1e6);
}

/* Returns the number of reasons read into the table, or -1 after a message. */
static int read_reasons(struct reason *table, uint64_t limit, uint64_t cores)
{
	int n = 0;

	for (uint64_t number = 0; number < limit; number++) {
		struct reason *r = &table[number];

		r->counts = calloc(cores, sizeof(*r->counts));
		if (!r->counts) {
			fprintf(stderr, "plinthctl: out of memory\n");
			return -1;
		}
		for (uint64_t core = 0; core < cores; core++) {
			struct call c = hypercall(PLINTH_EXITS, core, number);

			if (c.rax != 0) {
				fprintf(stderr,
					"plinthctl: plinth refused to count reason %" PRIu64
					" of core %" PRIu64 ": error %" PRId64 "\n",
					number, core, c.rax);
				return -1;
			}
			put_name(r->name, c.rcx, c.rdx, c.rsi);
			r->counts[core] = c.rbx;
			r->total += c.rbx;
		}
		n += r->total != 0;
	}
	return n;
}

static void print_row(const char *number, const char *name, const uint64_t *counts, uint64_t cores,
		      uint64_t total)
{
	printf("%6s  %-24s", number, name);
	for (uint64_t core = 0; core < cores; core++)
		printf(" %12" PRIu64, counts[core]);
	printf(" %12" PRIu64 "\n", total);
}

static int print_exits(uint64_t limit, uint64_t cores)
{
	static struct reason table[MAX_REASONS];
	struct reason sum = { .counts = calloc(cores, sizeof(uint64_t)) };

	if (!sum.counts || read_reasons(table, limit, cores) < 0)
		return 1;
	printf("exits:\n%6s  %-24s", "reason", "name");
	for (uint64_t core = 0; core < cores; core++)
		printf("    %6s %2" PRIu64, "core", core);
	printf(" %12s\n", "total");
	for (uint64_t number = 0; number < limit; number++) {
		char text[24];

		if (table[number].total == 0)
			continue;
		snprintf(text, sizeof(text), "%" PRIu64, number);
		print_row(text, table[number].name, table[number].counts, cores,
			  table[number].total);
		for (uint64_t core = 0; core < cores; core++)
			sum.counts[core] += table[number].counts[core];
		sum.total += table[number].total;
	}
	print_row("", "all", sum.counts, cores, sum.total);
	return 0;
}

static int status(void)
{
	uint32_t version, cores, ecx, edx;
	struct call s = hypercall(PLINTH_STATUS, 0, 0);
	struct call v = hypercall(PLINTH_VENDOR, 0, 0);
	char vendor[NAME_LENGTH + 1];

	if (s.rax != 0 || v.rax != 0 || s.rbx == 0 || s.rdi > MAX_REASONS) {
		fprintf(stderr, "plinthctl: plinth's status call failed: error %" PRId64 "\n",
			s.rax ? s.rax : v.rax);
		return 1;
	}
	__cpuid(PLINTH_CPUID_VERSION, version, cores, ecx, edx);
	put_name(vendor, v.rbx, v.rcx, v.rdx);
	printf("plinth %u.%u.%u\n", version >> 16, version >> 8 & 0xff, version & 0xff);
	printf("vendor: %s\n", vendor);
	printf("cores: %" PRIu64 "\n", s.rbx);
	print_uptime(s.rdx);
	printf("memory: %" PRIu64 " KiB reserved, touched %" PRIu64 " times by the guest\n",
	       s.rcx / 1024, s.rsi);
	return print_exits(s.rdi, s.rbx);
}

static int version(void)
{
	uint32_t eax, ebx, ecx, edx;

	__cpuid(PLINTH_CPUID_VERSION, eax, ebx, ecx, edx);
	printf("plinth %u.%u.%u\n", eax >> 16, eax >> 8 & 0xff, eax & 0xff);
	return 0;
}

static void help(FILE *to)
{
	fputs("usage: plinthctl COMMAND\n"
	      "  status   version, vendor, cores, uptime, memory, and exits by reason and core\n"
	      "  version  plinth's version\n"
	      "  help     this text\n"
	      "Exit status: 0, 1 when there is no plinth below or it refuses, 2 for a wrong command "
	      "line.\n",
	      to);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(void);
	} commands[] = { { "status", status }, { "version", version } };
	const char *name = argc > 1 ? argv[1] : "";

	if (argc == 2 &&
	    (!strcmp(name, "help") || !strcmp(name, "-h") || !strcmp(name, "--help"))) {
		help(stdout);
		return 0;
	}
	for (size_t i = 0; argc == 2 && i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(name, commands[i].name))
			continue;
		if (!plinth_present()) {
			printf("no plinth here: CPUID leaf 0x%x does not carry its signature\n",
			       PLINTH_CPUID_BASE);
			return 1;
		}
		return commands[i].run();
	}
	if (argc < 2)
		fprintf(stderr, "plinthctl: a command is missing; `plinthctl help` lists them\n");
	else if (argc > 2)
		fprintf(stderr, "plinthctl: one command is taken, not %d arguments\n", argc - 1);
	else
		fprintf(stderr, "plinthctl: \"%s\" is not a command; `plinthctl help` lists them\n",
			name);
	return 2;
}
