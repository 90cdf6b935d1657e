-- ARGV: fields to read... Returns {now, known nodes}; a node is {name, active, alive, waiting, running, jobs bound to it,
-- field values...}.
local names = redis.call('SMEMBERS', 'workers:known')
local rows = {}
for i, node in ipairs(names) do
  local key = 'worker:' .. node
  rows[i] = {node, redis.call('SISMEMBER', 'workers:active', node), redis.call('EXISTS', key .. ':alive'),
    redis.call('ZCARD', key .. ':waiting'), redis.call('ZCARD', key .. ':running'),
    redis.call('HLEN', key .. ':jobs'),
    unpack(redis.call('HMGET', key, unpack(ARGV)))}
end
return {stamp, rows}
