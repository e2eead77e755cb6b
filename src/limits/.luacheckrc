-- Lua as Redis 7 gives it to a function.
std = 'lua51'
read_globals = { 'redis', 'struct' }
max_line_length = 120
