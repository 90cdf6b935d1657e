-- ARGV: 'workers:active' or 'workers:known', fields to read..., Returns {now, backlog, policy, bindings, nodes}; a node is
-- {name, waiting, running, image worker alive, active, field values...}.
local nodes = {}
local fields = {}
for i = 2, #ARGV do fields[#fields + 1] = ARGV[i] end
for _, node in ipairs(redis.call('SMEMBERS', ARGV[1])) do
  local key = 'worker:' .. node
  local row = {node, redis.call('ZCARD', key .. ':waiting'), redis.call('ZCARD', key .. ':running'),
    redis.call('EXISTS', key .. ':alive'), redis.call('SISMEMBER', 'workers:active', node)}
  for _, value in ipairs(redis.call('HMGET', key, unpack(fields))) do row[#row + 1] = value or '' end
  nodes[#nodes + 1] = row
end
return {stamp, redis.call('ZCARD', 'backlog'), redis.call('GET', 'policy') or '',
  redis.call('GET', 'bindings') or '0', nodes}
