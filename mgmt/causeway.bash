# SPDX-License-Identifier: GPL-2.0-or-later
# Bash completion for causeway(1); install as
# /usr/share/bash-completion/completions/causeway

# The first word that is no option is the command; what comes behind it.
_causeway_words()
{
	local i

	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		--site) ((i++)) ;;
		-*) ;;
		*) echo "${COMP_WORDS[i]}" ;;
		esac
	done
}

_causeway_site()
{
	local i

	for ((i = 1; i < COMP_CWORD; i++)); do
		[[ ${COMP_WORDS[i]} != --site ]] ||
			printf '%s\n' --site "${COMP_WORDS[i + 1]}"
	done
}

_causeway_domains()
{
	local site

	mapfile -t site < <(_causeway_site)
	causeway "${site[@]}" vm list 2>/dev/null | awk 'NR > 1 { print $1 }'
}

_causeway()
{
	local cur=${COMP_WORDS[COMP_CWORD]} words options="--site --json
		--no-systemd --help" verbs="list show start shutdown reboot
		pause resume suspend kill confirm"

	COMPREPLY=()
	if [[ ${COMP_WORDS[COMP_CWORD - 1]} == --site ]]; then
		mapfile -t COMPREPLY < <(compgen -d -- "$cur")
		return
	fi
	mapfile -t words < <(_causeway_words)
	case ${words[*]} in
	"") options+=" up apply check down status preflight logs vm console" ;;
	logs) options+=" netd switchd xenstored consoled hypervisord -f -n" ;;
	up | apply) options+=" --force" ;;
	down) options+=" --keep-domains --only-domains --timeout" ;;
	vm) options=$verbs ;;
	console | vm\ *) options=$(_causeway_domains) ;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur")
}

complete -F _causeway causeway
