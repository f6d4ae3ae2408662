/**
 * The perl program that does file operations on the server's machine. It reads frames from standard input and answers each with
 * one, or with several if the first fields after the id say so. A frame is a length and fields, each with its own length, so no
 * name or content needs quoting, and no shell is involved.
 *
 * A request is `id, operation, arguments...`. An answer is `id, status, results...`: the status is empty if the operation is done,
 * `+` if more follows, an error number if the system refused, and `!` if a rule of Node's was broken that has no number.
 */
export const perlProgram = String.raw`
use strict;
no warnings;
use Fcntl;
use Config;
use Errno qw(ENOENT EEXIST EACCES EPERM ENOTDIR EISDIR EINVAL EINTR ELOOP ENOSYS);
binmode STDIN; binmode STDOUT;
$SIG{PIPE} = 'IGNORE';
my $piece = 262144;
my $empty = "";

sub take { my ($n) = @_; my $b = ''; while (length $b < $n) {
  my $r = sysread STDIN, $b, $n - length $b, length $b; next if !defined $r && $! == EINTR; exit 0 unless $r } $b }
sub give { my $f = pack '(N/a*)*', @_; my $m = pack('N', length $f) . $f; my $o = 0; while ($o < length $m) {
  my $w = syswrite STDOUT, $m, length($m) - $o, $o; next if !defined $w && $! == EINTR; exit 1 unless defined $w; $o += $w } }
sub refuse { my ($errno, $text) = @_; unless (defined $text) { $! = $errno; $text = "$!" } die [$errno, $text] }
sub fault { refuse($! + 0) }
sub broken { die ['!', $_[0]] }

# Linux tells nanoseconds and the time of birth through statx only; perl has no name for it.
my %calls = (x86_64 => [332, 280], aarch64 => [291, 88]);
my ($statx, $utimensat) = $^O eq 'linux' && $Config{archname} =~ /^(x86_64|aarch64)/ ? @{$calls{$1}} : ();
my $fine = eval { require Time::HiRes; 1 };

sub info { my ($path, $follow, $fd) = @_;
  if (defined $statx) {
    my $b = "\0" x 256;
    my $r = defined $fd ? syscall($statx, $fd, $empty, 0x1000, 0xfff, $b) : syscall($statx, -100, $path, $follow ? 0 : 0x100, 0xfff, $b);
    if ($r == 0) {
      my ($mask, $blksize, undef, $nlink, $uid, $gid, $mode, $ino, $size, $blocks, undef, $as, $an, undef, $bs, $bn, undef,
        $cs, $cn, undef, $ms, $mn, undef, @d) = unpack 'L L Q L L L S x2 Q Q Q Q qLl qLl qLl qLl L L L L', $b;
      my ($rdev, $dev) = map { my ($major, $minor) = @$_;
        (($major & 0xfffff000) << 32) | (($major & 0xfff) << 8) | (($minor & 0xffffff00) << 12) | ($minor & 0xff)
      } [@d[0, 1]], [@d[2, 3]];
      return join ' ', $mode, $nlink, $uid, $gid, $rdev, $ino, $size, $blksize, $blocks, $dev, "$as.$an", "$ms.$mn", "$cs.$cn",
        $mask & 0x800 ? "$bs.$bn" : '-';
    }
    fault() unless $! == ENOSYS;
  }
  my @s = defined $fd ? ($fine ? Time::HiRes::stat($fd) : stat $fd)
    : $follow ? ($fine ? Time::HiRes::stat($path) : stat $path) : ($fine ? Time::HiRes::lstat($path) : lstat $path);
  fault() unless @s;
  my $time = sub { my $t = sprintf '%.6f', $_[0]; my ($s, $f) = split /\./, $t; $s . '.' . ($f * 1000) };
  join ' ', @s[2, 3, 4, 5, 6, 1, 7], $s[11] || '-', $s[12] eq '' ? '-' : $s[12], $s[0], (map { $time->($_) } @s[8, 9, 10]), '-' }

my %flags = (r => O_RDONLY, 'r+' => O_RDWR, w => O_TRUNC|O_CREAT|O_WRONLY, wx => O_TRUNC|O_CREAT|O_WRONLY|O_EXCL,
  'w+' => O_TRUNC|O_CREAT|O_RDWR, 'wx+' => O_TRUNC|O_CREAT|O_RDWR|O_EXCL, a => O_APPEND|O_CREAT|O_WRONLY,
  ax => O_APPEND|O_CREAT|O_WRONLY|O_EXCL, 'a+' => O_APPEND|O_CREAT|O_RDWR, 'ax+' => O_APPEND|O_CREAT|O_RDWR|O_EXCL);
sub opened { my ($path, $flag, $mode, $noFollow) = @_;
  sysopen my $f, $path, $flags{$flag} | ($noFollow ? O_NOFOLLOW : 0), $mode or fault(); binmode $f; $f }
sub written { my ($f, $data) = @_; my $o = 0; for (;;) {
  my $w = syswrite $f, $data, length($data) - $o, $o; next if !defined $w && $! == EINTR; fault() unless defined $w;
  $o += $w; return $o if $o >= length $data } }
sub some { my ($f, $n) = @_; my $b; for (;;) { my $r = sysread $f, $b, $n; return $b if defined $r; fault() unless $! == EINTR } }

# Sends what it reads until the end, or until so many bytes, in pieces, and returns the last one.
sub stream { my ($id, $f, $left) = @_; for (;;) {
  my $want = defined $left && $left < $piece ? $left : $piece;
  my $b = some($f, $want); $left -= length $b if defined $left;
  return $b if length $b < $want || (defined $left && $left == 0);
  give($id, '+', $b) } }

sub above { my ($p) = @_; $p =~ s{/+$}{}; $p =~ s{/*[^/]*$}{}; $p eq '' ? '/' : $p }
sub resolved { my ($p) = @_; my @o; for (split m{/+}, $p) { next if $_ eq '' || $_ eq '.'; if ($_ eq '..') { pop @o } else { push @o, $_ } }
  '/' . join '/', @o }
sub within { my ($of, $p) = map { resolved($_) } @_; $of eq '/' || $p eq $of || index($p, "$of/") == 0 }

sub made { my ($path, $mode) = @_; my @todo = ($path);
  while (@todo) { my $p = pop @todo; next if mkdir $p, $mode;
    my $e = $! + 0;
    if ($e == ENOENT && above($p) ne $p && $p ne '') { push @todo, $p, above($p); next }
    refuse($e) if $e == ENOENT || $e == EACCES || $e == EPERM || $e == ENOTDIR;
    my @s = stat $p;
    next if @s && -d _;
    refuse(ENOTDIR) if @todo && $e == EEXIST;
    @s ? refuse(EEXIST) : fault() } () }

sub names { my ($path) = @_; opendir my $d, $path or fault(); my @n = grep { $_ ne '.' && $_ ne '..' } readdir $d; closedir $d; @n }
sub below { my ($path, $prefix) = @_; map { my $p = "$path/$_"; my $n = "$prefix$_"; -d $p ? ($n, below($p, "$n/")) : $n } names($path) }
sub removed { my ($p) = @_; lstat $p or fault();
  if (-d _) { removed("$p/$_") for names($p); rmdir $p or fault() } else { unlink $p or fault() } }

sub copied { my ($from, $to) = @_;
  my $in = opened($from, 'r'); my @a = stat $in; refuse(EISDIR) if -d _;
  sysopen my $out, $to, O_WRONLY|O_CREAT, $a[2] & 07777 or fault(); binmode $out;
  my @b = stat $out; return if $a[0] == $b[0] && $a[1] == $b[1];
  truncate $out, 0; chmod $a[2] & 07777, $out;
  for (;;) { my $b = some($in, 1048576); last if $b eq ''; written($out, $b) }
  close $out or fault() }

# Copies as Node's fs.cp does, with recursive: true.
sub statOf { my ($p) = @_; my @s = lstat $p; return \@s if @s; return undef if $! == ENOENT; fault() }
sub isDir { ($_[0][2] & 0170000) == 0040000 }
sub pair { my ($from, $to) = @_;
  my $s = statOf($from) or refuse(ENOENT); my $d = statOf($to);
  if ($d) {
    broken('the source and the destination cannot be the same') if $s->[0] == $d->[0] && $s->[1] == $d->[1];
    broken("cannot overwrite the non-directory $to with the directory $from") if isDir($s) && !isDir($d);
    broken("cannot overwrite the directory $to with the non-directory $from") if !isDir($s) && isDir($d) }
  broken("cannot copy $from to a subdirectory of itself, $to") if isDir($s) && within($from, $to);
  ($s, $d) }
sub tree { my ($from, $to, $overwrite, $preserve, $s, $d) = @_;
  my $kind = $s->[2] & 0170000;
  if ($kind == 0040000) {
    mkdir $to, 0777 or fault() unless $d;
    for (names($from)) { my ($f, $t) = ("$from/$_", "$to/$_"); tree($f, $t, $overwrite, $preserve, pair($f, $t)) }
    unless ($d) { chmod $s->[2] & 07777, $to or fault() }
  } elsif ($kind == 0100000 || $kind == 0020000 || $kind == 0060000) {
    if ($d) { return unless $overwrite; unlink $to or fault() }
    copied($from, $to);
    if ($preserve) { my @i = split ' ', info($from, 1); chmod $s->[2] & 07777 | 0200, $to unless $s->[2] & 0200;
      stamp($to, $i[10], $i[11]) }
    chmod $s->[2] & 07777, $to or fault();
  } elsif ($kind == 0120000) {
    my $l = readlink $from; fault() unless defined $l; $l = resolved(above($from) . "/$l") unless $l =~ m{^/};
    if ($d) {
      my $o = readlink $to;
      if (!defined $o) { refuse($! + 0) unless $! == EINVAL }
      else {
        $o = resolved(above($to) . "/$o") unless $o =~ m{^/};
        my $isDir = -d $from;
        broken("cannot copy $l to a subdirectory of itself, $o") if $isDir && within($l, $o);
        stat $from or fault();
        broken("cannot overwrite $o with $l") if $isDir && within($o, $l);
        unlink $to or fault() } }
    symlink $l, $to or fault();
  } else { broken("cannot copy $from: it is a socket, a pipe or unknown") } }

sub stamp { my ($path, @t) = @_;
  if (defined $utimensat) {
    my $b = pack 'q4', map { split /\./ } @t;
    return if syscall($utimensat, -100, $path, $b, 0) == 0;
    fault() unless $! == ENOSYS }
  my @f = map { my ($s, $n) = split /\./; $s + $n / 1e9 } @t;
  ($fine ? Time::HiRes::utime(@f, $path) : utime @f, $path) or fault() }

my @letters = ('a'..'z', 'A'..'Z', '0'..'9');
my %type = (0100000 => 'f', 0040000 => 'd', 0120000 => 'l', 0060000 => 'b', 0020000 => 'c', 0010000 => 'p', 0140000 => 's');
sub sign { my ($p, $follow) = @_; my $i = eval { info($p, $follow) }; return '' unless defined $i;
  my ($mode, @i) = split ' ', $i; ($type{$mode & 0170000} || '?') . " $mode @i[4, 5, 10, 11]" }

my (%open, $last);
sub held { $open{$_[0]} || refuse(9) }
my %do = (
  access => sub { my (undef, $p, $mode) = @_; if ($mode) { require POSIX; POSIX::access($p, $mode) or fault() } else { stat $p or fault() } () },
  stat => sub { info($_[1], $_[2]) },
  get => sub { my ($id, $p) = @_; stream($id, opened($p, 'r')) },
  put => sub { my (undef, $p, $flag, $mode, $data) = @_; my $f = opened($p, $flag, $mode); written($f, $data); close $f or fault(); () },
  open => sub { my (undef, @a) = @_; my $f = opened(@a); $open{++$last} = $f; $last },
  close => sub { delete $open{$_[1]}; () },
  read => sub { my ($id, $h, $at, $n) = @_; my $f = held($h); defined sysseek $f, $at, 0 or fault(); stream($id, $f, $n) },
  write => sub { my (undef, $h, $at, $data) = @_; my $f = held($h); if ($at ne '') { defined sysseek $f, $at, 0 or fault() } written($f, $data) },
  fstat => sub { my $f = held($_[1]); info('', 1, fileno $f) },
  ftruncate => sub { truncate held($_[1]), $_[2] or fault(); () },
  fsync => sub { require IO::Handle; held($_[1])->sync or fault(); () },
  list => sub { my (undef, $p, $deep) = @_; $deep ? below($p, '') : names($p) },
  kinds => sub { my (undef, $p) = @_; map { my @s = lstat "$p/$_"; ($_, $type{$s[2] & 0170000} || '?') } names($p) },
  signs => sub { my (undef, @p) = @_; map { sign($_, 0) } @p },
  scan => sub { my (undef, $p, $deep) = @_; stat $p or fault(); -d _ or return ('', sign($p, 1));
    map { ($_, sign("$p/$_", 0)) } grep { 1 } $deep ? nested($p, '') : names($p) },
  mkdir => sub { my (undef, $p, $mode, $deep) = @_; if ($deep) { return made($p, $mode) } mkdir $p, $mode or fault(); () },
  mktemp => sub { my (undef, $prefix) = @_; for (;;) { my $p = $prefix . join '', map { $letters[rand @letters] } 1 .. 6;
    return $p if mkdir $p, 0700; fault() unless $! == EEXIST } },
  remove => sub { my (undef, $p, $deep, $force) = @_;
    lstat $p or do { return () if $force && $! == ENOENT; fault() };
    broken('it is a directory; pass recursive: true to remove it') if -d _ && !$deep;
    removed($p); () },
  rename => sub { rename $_[1], $_[2] or fault(); () },
  link => sub { link $_[1], $_[2] or fault(); () },
  symlink => sub { symlink $_[1], $_[2] or fault(); () },
  readlink => sub { my $l = readlink $_[1]; fault() unless defined $l; $l },
  realpath => sub { my (undef, $p) = @_; stat $p or fault(); my @todo = split m{/+}, $p; my $r = '';
    while (@todo) { my $n = shift @todo; next if $n eq '' || $n eq '.'; if ($n eq '..') { $r =~ s{/[^/]*$}{}; next }
      my $l = readlink "$r/$n"; if (defined $l) { $r = '' if $l =~ m{^/}; unshift @todo, split m{/+}, $l } else { $r .= "/$n" } }
    $r eq '' ? '/' : $r },
  chmod => sub { chmod $_[2], $_[1] or fault(); () },
  chown => sub { chown $_[2], $_[3], $_[1] or fault(); () },
  utimes => sub { my (undef, @a) = @_; stamp(@a); () },
  truncate => sub { my (undef, $p, $n) = @_; my $f = opened($p, 'r+'); truncate $f, $n or fault(); () },
  copyFile => sub { copied($_[1], $_[2]); () },
  copy => sub { my (undef, $from, $to, $overwrite, $preserve) = @_; my ($s, $d) = pair($from, $to);
    my ($up, $stop) = (above(resolved($to)), above(resolved($from)));
    while ($up ne $stop && $up ne '/') { my @u = stat $up or do { last if $! == ENOENT; fault() };
      broken("cannot copy $from to a subdirectory of itself, $to") if $u[0] == $s->[0] && $u[1] == $s->[1]; $up = above($up) }
    stat above($to) or do { fault() unless $! == ENOENT; made(above($to), 0777) };
    tree($from, $to, $overwrite, $preserve, $s, $d); () }
);
# As below, but without following links: a watch must not run in circles.
sub nested { my ($path, $prefix) = @_; my @n = eval { names($path) };
  map { my $n = "$prefix$_"; lstat "$path/$_"; -d _ ? ($n, nested("$path/$_", "$n/")) : $n } @n }

for (;;) {
  my ($id, $name, @a) = unpack '(N/a*)*', take(unpack 'N', take(4));
  my @r = eval { $do{$name}->($id, @a) };
  if (ref $@) { give($id, @{$@}) } elsif ($@) { give($id, '!', "$@") } else { give($id, '', @r) }
}
`
