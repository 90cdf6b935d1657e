-- ARGV: 'workers:active' or 'workers:known', fields to read... Returns {now, backlog, policy, bindings, weights JSON,
-- policy that adaptive follows, head of the backlog, nodes, whether each one's image worker lives, active nodes}; the head is
-- {} or {id, cost, peak, avoid, batch, alone, rank, created_at}, a node is {name, waiting, running, field values...}.
local fields = {unpack(ARGV, 2)}
local names = redis.call('SMEMBERS', ARGV[1])
local nodes, signs = {}, {}
for i, node in ipairs(names) do
  local key = 'worker:' .. node
  local row = redis.call('HMGET', key, unpack(fields))
  row[#fields + 1] = node
  row[#fields + 2] = redis.call('ZCARD', key .. ':waiting')
  row[#fields + 3] = redis.call('ZCARD', key .. ':running')
  nodes[i] = row
  signs[i] = key .. ':alive'
end
local head = redis.call('ZRANGE', 'backlog', 0, 0)
if head[1] then
  local job = redis.call('HMGET', 'job:' .. head[1], 'cost', 'peak', 'avoid', 'batch', 'alone', 'rank', 'created_at')
  for i = 1, 7 do head[i + 1] = job[i] end
end
return {stamp, redis.call('ZCARD', 'backlog'), redis.call('GET', 'policy') or '', redis.call('GET', 'bindings') or '0',
  redis.call('GET', 'policy:weights') or '', redis.call('GET', 'policy:adapted') or '', head, nodes,
  #signs > 0 and redis.call('MGET', unpack(signs)) or {},
  ARGV[1] == 'workers:active' and {} or redis.call('SMEMBERS', 'workers:active')}
