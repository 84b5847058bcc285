/* Collecting what the machine lacks; see preflight.h. */
#include "hv/preflight.h"
#include "arch/x86/insn.h"
#include "hv/debug/log.h"
#include "hv/format.h"
#include "hv/string.h"

static uint32_t boot_core_hash;

static uint32_t fnv1a(uint32_t hash, const char *s)
{
	while (*s)
		hash = (hash ^ (uint8_t)*s++) * 16777619u;
	return hash;
}

static void append_to_report(struct boot_info *info, const char *line)
{
	size_t length = strlen(line);

	if (info->report_length + length + 1 >= sizeof(info->report))
		return; /* the log has it; the report is for the screen */
	memcpy(&info->report[info->report_length], line, length);
	info->report_length += (uint32_t)length;
	info->report[info->report_length++] = '\n';
	info->report[info->report_length] = '\0';
}

void requirement_missing(struct requirements *r, const char *fmt, ...)
{
	char sentence[320], line[360];
	va_list args;

	va_start(args, fmt);
	format_v(sentence, sizeof(sentence), fmt, args);
	va_end(args);
	r->count++;
	r->hash = fnv1a(r->hash, sentence);
	if (r->quiet)
		return;
	format(line, sizeof(line), "core %u: %s", r->core, sentence);
	log_error("%s", line);
	append_to_report(r->info, line);
}

static void check_core(struct requirements *r, const struct virt_ops *ops)
{
	struct cpuid id = cpuid(0, 0);

	if (ops) {
		ops->check(r);
		return;
	}
	requirement_missing(r,
			    "the processor's vendor is not supported: CPUID.0:EBX:EDX:ECX = "
			    "\"%.4s%.4s%.4s\", plinth needs \"GenuineIntel\" with VMX",
			    (const char *)&id.ebx, (const char *)&id.edx, (const char *)&id.ecx);
}

enum boot_status preflight(struct boot_info *info, const struct virt_ops *ops, unsigned core)
{
	struct requirements r = { .info = info, .core = core, .quiet = core != 0 };

	check_core(&r, ops);
	if (core == 0) {
		boot_core_hash = r.hash;
	} else if (r.hash != boot_core_hash) {
		r = (struct requirements){ .info = info, .core = core };
		check_core(&r, ops);
	}
	return r.count ? BOOT_UNFIT : BOOT_OK;
}
