# Sourced by the scripts that get something from Debian: messages, root, apt.

say()
{
	echo "${0##*/}: $*" >&2
}

die()
{
	say "$*"
	exit 1
}

# Can this user become root without being asked in the middle of an unattended run?
can_be_root()
{
	[ "$(id -u)" = 0 ] || { command -v sudo >/dev/null && { [ -t 0 ] || sudo -n true 2>/dev/null; }; }
}

as_root()
{
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif [ -t 0 ]; then
		sudo "$@"
	else
		sudo -n "$@"
	fi
}

apt_update()
{
	say "updating the package lists (apt-get update)"
	as_root apt-get -q -o DPkg::Lock::Timeout=300 update >&2
}

# The version that apt would install, or nothing.
candidate()
{
	LC_ALL=C apt-cache policy "$1" 2>/dev/null | sed -n 's/^ *Candidate: *//p' | grep -v '(none)'
}

# Is the package installed, in whole?
installed()
{
	[ "$(dpkg-query -W -f '${Status}' "$1" 2>/dev/null)" = "install ok installed" ]
}

# Install the packages that are missing. Does nothing, and quickly, when none is.
install_packages()
{
	local missing='' package

	for package; do
		if ! command -v dpkg-query >/dev/null || ! installed "$package"; then
			missing="$missing $package"
		fi
	done
	[ -n "$missing" ] || return 0
	command -v apt-get >/dev/null ||
		die "this is not Debian; install what these Debian packages bring:$missing"
	can_be_root || die "not root, and no sudo: run  apt-get install$missing  as root"
	say "installing$missing"
	for package in $missing; do
		if [ -z "$(candidate "$package")" ]; then
			apt_update
			break
		fi
	done
	# shellcheck disable=SC2086 # a list of names
	apt_install $missing || {
		# Old lists name versions that the archive no longer has.
		apt_update && apt_install $missing
	} || die "apt-get could not install:$missing"
}

apt_install()
{
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 \
		--no-install-recommends install "$@" >&2
}
