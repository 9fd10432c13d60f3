# zsh-candidates.zsh COMPLETION LINE: what zsh offers for TAB at the end of a line, one a line after `OFFERED:`. zsh completes
# only at a prompt, so this types the line at one.
zmodload zsh/zpty
zpty prompt zsh -f -i
zpty -w prompt "PS1=; PS2=; stty -echo; autoload -U compinit; compinit -D -u; source ${(q)1}
compadd() {
  local -a hits
  [[ \" \$* \" == *' -'[OAD]' '* ]] || { builtin compadd -O hits \"\$@\"; print -rl -- OFF''ERED:\$^hits }
  builtin compadd \"\$@\"
}
tell() { print NO''MORE }
comppostfuncs=(tell)"
zpty -w -n prompt "$2"$'\t'
zpty -r prompt out '*NOMORE*'
print -r -- $out
zpty -d prompt
