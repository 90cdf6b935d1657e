-- ARGV: node, who. The last process of a stopped node has ended: its name is free, unless another one has it already.
local key = 'worker:' .. ARGV[1] .. ':alive'
if redis.call('GET', key) == ARGV[2] then redis.call('DEL', key) end
return 1
