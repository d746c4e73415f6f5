torque{'a':ensure=>running;'b':ensure=>stopped}web{'a':pool=>['n1','n2']}
