/*
 * boot/settings.c over a fake file system: where plinth.cfg is looked for, what happens when it is
 * not there or cannot be read, and that the load options win and are never trusted.
 */
#include "tests/unit/unit.h"

#include "boot/settings.h"
#include "boot/text.h"
#include "tests/unit/fake_efi.h"

#include <string.h>
#include <wchar.h>

static struct {
	bool no_root;
	EFI_STATUS open_result, read_result;
	char text[70000];
	size_t length;
	wchar_t opened[600]; /* the path */
	int open;            /* files and roots that were opened and not closed */
} disk;

static char said[4096];
static struct config config;

void say(const char *format, ...)
{
	size_t length = strlen(said);
	va_list args;

	va_start(args, format);
	AsciiVSPrint(&said[length], sizeof(said) - length - 1, format, args);
	va_end(args);
	strcat(said, "\n");
}

static EFI_STATUS file_close(UNUSED EFI_FILE_HANDLE self)
{
	disk.open--;
	return EFI_SUCCESS;
}

static EFI_STATUS file_read(UNUSED EFI_FILE_HANDLE self, UINTN *size, void *buffer)
{
	if (EFI_ERROR(disk.read_result))
		return disk.read_result;
	if (*size > disk.length)
		*size = disk.length;
	memcpy(buffer, disk.text, *size);
	return EFI_SUCCESS;
}

static EFI_STATUS root_open(UNUSED EFI_FILE_HANDLE self, EFI_FILE_HANDLE *file, CHAR16 *name,
			    UINT64 mode, UNUSED UINT64 attributes)
{
	static struct EFI_FILE the_file = { .Close = file_close, .Read = file_read };

	assert_int_equal(mode, EFI_FILE_MODE_READ);
	assert_true(wcslen(name) < sizeof(disk.opened) / sizeof(*disk.opened));
	wcscpy(disk.opened, name);
	if (EFI_ERROR(disk.open_result))
		return disk.open_result;
	disk.open++;
	*file = &the_file;
	return EFI_SUCCESS;
}

EFI_FILE_HANDLE LibOpenRoot(UNUSED EFI_HANDLE device)
{
	static struct EFI_FILE root = { .Open = root_open, .Close = file_close };

	if (disk.no_root)
		return NULL;
	disk.open++;
	return &root;
}

/* The path of plinth.efi as firmware gives it: nodes of a device path. */
static union {
	uint8_t bytes[8192];
	EFI_DEVICE_PATH first;
} path;
static size_t path_length;
static EFI_LOADED_IMAGE self;

static void add_node(UINT8 type, UINT8 subtype, const void *data, size_t size)
{
	EFI_DEVICE_PATH header = { type, subtype, { (UINT8)(size + 4), (UINT8)((size + 4) >> 8) } };

	assert_true(path_length + size + 8 < sizeof(path.bytes));
	memcpy(&path.bytes[path_length], &header, sizeof(header));
	memcpy(&path.bytes[path_length + 4], data, size);
	path_length += 4 + size;
	header = (EFI_DEVICE_PATH){ 0x7f, 0xff, { 4, 0 } };
	memcpy(&path.bytes[path_length], &header, sizeof(header));
}

static void add_file(const wchar_t *name)
{
	add_node(4, 4, name, (wcslen(name) + 1) * sizeof(*name));
}

static int setup(UNUSED void **state)
{
	fake_efi_reset();
	memset(&disk, 0, sizeof(disk));
	memset(&path, 0, sizeof(path));
	memset(&self, 0, sizeof(self));
	path_length = 0;
	said[0] = '\0';
	self.FilePath = &path.first;
	add_node(0x7f, 0xff, "", 0);
	path_length = 0;
	return 0;
}

static int teardown(UNUSED void **state)
{
	return disk.open == 0 && fake_pool_used == 0 ? 0 : -1;
}

static void use_file(const char *text)
{
	disk.length = strlen(text);
	memcpy(disk.text, text, disk.length);
}

static void expect_path(const wchar_t *expected)
{
	read_settings(&self, &config);
	if (wcscmp(disk.opened, expected) != 0)
		fail_msg("opened %ls, not %ls", disk.opened, expected);
	assert_string_equal(said, "");
}

static void looks_beside_itself(UNUSED void **state)
{
	expect_path(L"plinth.cfg"); /* no path: the root directory */
	add_file(L"\\EFI\\BOOT\\BOOTX64.EFI");
	expect_path(L"\\EFI\\BOOT\\plinth.cfg");
	setup(NULL);
	add_file(L"plinth.efi");
	expect_path(L"plinth.cfg");
	/* The shell's slashes, and nodes of one part each, as some firmware has them. */
	setup(NULL);
	add_file(L"/tools/plinth.efi");
	expect_path(L"\\tools\\plinth.cfg");
	setup(NULL);
	add_file(L"\\EFI");
	add_node(1, 1, "hard", 4); /* not a file's */
	add_file(L"plinth\\");
	add_file(L"plinth.efi");
	expect_path(L"\\EFI\\plinth\\plinth.cfg");
	/* A node without a NUL: its length is the end. */
	setup(NULL);
	add_node(4, 4, L"\\a\\b.efi", 4 * sizeof(wchar_t));
	expect_path(L"\\a\\plinth.cfg");
}

static void a_path_may_be_too_long(UNUSED void **state)
{
	wchar_t name[600];

	for (size_t length = 480; length < 520; length++) {
		setup(NULL);
		wmemset(name, L'a', length);
		name[0] = L'\\';
		name[length - 1] = L'\\';
		name[length] = 0;
		add_file(name);
		read_settings(&self, &config);
		if (disk.opened[0]) {
			assert_int_equal(wcslen(disk.opened), length + 10);
			assert_string_equal(said, "");
		} else {
			assert_true(length > 495);
			assert_string_equal(said, "the path of plinth.efi is too long to look for "
						  "plinth.cfg beside it\n");
		}
		assert_int_equal(disk.open, 0);
	}
}

static void no_file_is_fine(UNUSED void **state)
{
	struct config defaults;

	config_defaults(&defaults);
	disk.open_result = EFI_NOT_FOUND;
	read_settings(&self, &config);
	assert_string_equal(said, "");
	assert_memory_equal(&config.kernel, &defaults.kernel, sizeof(defaults.kernel));
	assert_string_equal(config.next, "");
	disk.no_root = true; /* from the network */
	read_settings(&self, &config);
	assert_string_equal(said, "");
	assert_memory_equal(&config.kernel, &defaults.kernel, sizeof(defaults.kernel));
}

static void what_cannot_be_read_is_said(UNUSED void **state)
{
	disk.open_result = EFI_ACCESS_DENIED;
	read_settings(&self, &config);
	assert_string_equal(said,
			    "plinth.cfg cannot be opened: status 15; going on with the defaults\n");
	setup(NULL);
	disk.read_result = EFI_ERROR_CODE(7);
	read_settings(&self, &config);
	assert_string_equal(said,
			    "plinth.cfg cannot be read: status 7; going on with the defaults\n");
	setup(NULL);
	fake_pool_left = 0;
	read_settings(&self, &config);
	assert_string_equal(said,
			    "plinth.cfg cannot be read: status 9; going on with the defaults\n");
	assert_int_equal(config.kernel.serial_port, 0x3f8);
}

static void uses_the_file(UNUSED void **state)
{
	use_file("serial = com2\nwhat is this\nnext = \\EFI\\linux.efi quiet\n");
	read_settings(&self, &config);
	assert_int_equal(config.kernel.serial_port, 0x2f8);
	assert_string_equal(config.next, "\\EFI\\linux.efi quiet");
	assert_non_null(strstr(said, "plinth.cfg line 2: \"what is this\" is not understood: "));
}

static void a_file_may_be_too_long(UNUSED void **state)
{
	memset(disk.text, '\n', sizeof(disk.text));
	memcpy(&disk.text[65536 - 14], "serial = com2\n", 14);
	disk.length = 65535;
	read_settings(&self, &config);
	assert_string_equal(said, "");
	assert_int_equal(config.kernel.serial_port, 0x2f8);
	disk.length = sizeof(disk.text);
	memcpy(&disk.text[65536], "log = debug\n", 12);
	read_settings(&self, &config);
	assert_string_equal(said, "plinth.cfg is too long: only its first 65536 bytes are used\n");
	assert_int_equal(config.kernel.serial_port, 0x2f8);
	assert_int_equal(config.kernel.log_level, LOG_INFO);
}

/* --- Load options --- */

static wchar_t options[4096];

/* A copy of just this size, so that the address sanitizer sees a read behind it. */
static void read_with_options(const wchar_t *text, size_t size)
{
	void *exact = malloc(size ? size : 1);

	memcpy(exact, text, size);
	self.LoadOptions = exact;
	self.LoadOptionsSize = (UINT32)size;
	said[0] = '\0';
	read_settings(&self, &config);
	free(exact);
}

static void options_win(UNUSED void **state)
{
	static const wchar_t text[] = L"plinth.efi serial=com3 fatal=reset";

	use_file("serial = com2\nlog = debug\n");
	read_with_options(text, sizeof(text));
	assert_int_equal(config.kernel.serial_port, 0x3e8);
	assert_int_equal(config.kernel.fatal, FATAL_RESET);
	assert_int_equal(config.kernel.log_level, LOG_DEBUG);
	assert_string_equal(said, "");
	read_with_options(text, sizeof(text) - sizeof(*text)); /* without the NUL */
	assert_int_equal(config.kernel.fatal, FATAL_RESET);
	read_with_options(L"serial=com4 nonsense=1", sizeof(L"serial=com4 nonsense=1"));
	assert_int_equal(config.kernel.serial_port, 0x2e8);
	assert_non_null(strstr(said, "load option 2: \"nonsense=1\" is not understood: "));
}

static void what_is_not_text_is_not_for_us(UNUSED void **state)
{
	static const wchar_t marks[] = { 0x18ac4eba, 'N', 'V', 0 };
	static const wchar_t control[] = L"serial=com4\x01";
	static const wchar_t accent[] = L"serial=com4 \xe9";
	static const wchar_t tab[] = L"\tserial=com4";

	read_with_options(marks, sizeof(marks));
	assert_int_equal(config.kernel.serial_port, 0x3f8);
	read_with_options(control, sizeof(control));
	assert_int_equal(config.kernel.serial_port, 0x3f8);
	read_with_options(accent, sizeof(accent));
	assert_int_equal(config.kernel.serial_port, 0x3f8);
	read_with_options(tab, sizeof(tab) - 1); /* an odd size is not UTF-16 */
	assert_int_equal(config.kernel.serial_port, 0x3f8);
	read_with_options(tab, sizeof(tab));
	assert_int_equal(config.kernel.serial_port, 0x2e8);
	read_with_options(tab, 0);
	assert_int_equal(config.kernel.serial_port, 0x3f8);
	assert_string_equal(said, "");
	/* Behind a NUL there may be anything. */
	wcscpy(options, L"serial=com2");
	options[12] = 0xffff;
	read_with_options(options, 20 * sizeof(*options));
	assert_int_equal(config.kernel.serial_port, 0x2f8);
}

static void options_may_be_too_long(UNUSED void **state)
{
	wmemset(options, L' ', 4095);
	wcsncpy(&options[2047 - 11], L"serial=com4", 11);
	read_with_options(options, 2047 * sizeof(*options));
	assert_int_equal(config.kernel.serial_port, 0x2e8);
	assert_string_equal(said, "");
	wcsncpy(&options[2048], L"fatal=reset", 11);
	read_with_options(options, 4095 * sizeof(*options));
	assert_int_equal(config.kernel.serial_port, 0x2e8);
	assert_int_equal(config.kernel.fatal, FATAL_STOP);
	assert_string_equal(
		said, "the load options are too long: only the first 2047 characters are used\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(looks_beside_itself, setup, teardown),
		cmocka_unit_test_setup_teardown(a_path_may_be_too_long, setup, teardown),
		cmocka_unit_test_setup_teardown(no_file_is_fine, setup, teardown),
		cmocka_unit_test_setup_teardown(what_cannot_be_read_is_said, setup, teardown),
		cmocka_unit_test_setup_teardown(uses_the_file, setup, teardown),
		cmocka_unit_test_setup_teardown(a_file_may_be_too_long, setup, teardown),
		cmocka_unit_test_setup_teardown(options_win, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_not_text_is_not_for_us, setup, teardown),
		cmocka_unit_test_setup_teardown(options_may_be_too_long, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
