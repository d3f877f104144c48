# SPDX-License-Identifier: GPL-2.0-or-later
# Bash completion for switchctl(1); install as
# /usr/share/bash-completion/completions/switchctl

# Names of ports or networks, asked of the switch; nothing if none answers.
_switchctl_names()
{
	local i socket=()

	for ((i = 1; i < ${#COMP_WORDS[@]}; i++)); do
		if [[ ${COMP_WORDS[i]} == --socket ]]; then
			socket=(--socket "${COMP_WORDS[i + 1]}")
		fi
	done
	switchctl "${socket[@]}" names "$1" 2>/dev/null
}

# Print the command: the first word that is no option.
_switchctl_command()
{
	local i

	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		--socket)
			((i++))
			;;
		-*)
			;;
		*)
			echo "${COMP_WORDS[i]}"
			return
			;;
		esac
	done
}

_switchctl()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
	local session='--snaplen --rate --duration --reason --direction --network'
	local command options words=

	COMPREPLY=()
	case $prev in
	--socket | -w | --write)
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return
		;;
	--direction)
		words='in out both'
		;;
	--network)
		words=$(_switchctl_names networks)
		;;
	--port | --to)
		words=$(_switchctl_names ports)
		;;
	--confirm-within | --snaplen | --rate | --duration | --reason)
		return
		;;
	esac
	if [[ -n $words ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
		return
	fi

	command=$(_switchctl_command)
	case $command in
	'')
		words='apply confirm revert show ports bond uplink lldp fdb stats drops capture mirror trace
			names version help'
		options='--version'
		;;
	apply)
		options='--check --force --confirm-within'
		[[ $cur == -* ]] || mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		;;
	bond)
		words="set-active $(_switchctl_names bonds)"
		[[ $prev == set-active ]] && words=$(_switchctl_names bonds)
		[[ ${COMP_WORDS[COMP_CWORD - 2]} == set-active ]] &&
			words=$(_switchctl_names ports)
		;;
	fdb)
		words=$(_switchctl_names networks)
		;;
	stats)
		options='--watch'
		;;
	capture)
		options="$session --write"
		[[ $prev == capture ]] && words=$(_switchctl_names ports)
		;;
	mirror)
		options="$session --port --to --other-network"
		[[ $prev == mirror ]] && words='add list del'
		;;
	trace)
		options='--hex'
		if [[ $prev == trace ]]; then
			words=$(_switchctl_names ports)
		else
			words='eth vlan arp ip ip6 icmp icmp6 udp tcp dhcp /'
		fi
		;;
	names)
		words='ports networks bonds'
		;;
	esac
	[[ $cur == -* ]] && words="$options --socket --json --help"
	[[ -n $words ]] &&
		mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}

complete -F _switchctl switchctl
